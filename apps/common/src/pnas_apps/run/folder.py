"""The folder that holds everything of one run. A step is done when its file is there."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import asdict

from pnas_apps.ground.errors import UserError
from pnas_apps.run.settings import RunSettings
from pnas_ops import FormatError, load_json, save_json, write_atomically

SEARCHED = "searched"
"""The name of the net that the search found."""


class RunFolder:
    """Paths and small files of a run.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings = path / "settings.json"
        self.table = path / "table.json"
        self.search_checkpoint = path / "search.pt"
        self.history = path / "history.jsonl"
        self.architecture = path / "architecture.json"
        self.landing = path / "landing.json"
        self.labels = path / "labels.txt"
        self.preprocessing = path / "preprocessing.json"
        self.converter_log = path / "converters.log"
        self.seconds = path / "seconds.json"
        self.results = path / "results.json"
        self.picture = path / "architectures.png"
        self.curves = path / "search.png"
        self.report = path / "report.txt"

    def network(self, name: str) -> "NetworkFolder":
        """The folder of one of the nets."""
        return NetworkFolder(self.path / "networks" / name)

    def bundle(self, name: str) -> Path:
        """The folder of a net's exported files; `bundle` itself is that of the searched net."""
        return self.path / ("bundle" if name == SEARCHED else f"bundle-{name}")

    @property
    def is_finished(self) -> bool:
        """Whether the last step is done."""
        return self.results.exists()

    def refuse_finished(self) -> None:
        """Raises a UserError where the run is finished."""
        if self.is_finished:
            raise UserError(f"{self.path} already holds a finished run: give another --run-dir, or delete it")

    def begin(self, settings: RunSettings) -> bool:
        """Writes the settings of a new run, or of an unfinished one that can go on with them.

        Returns:
            Whether there is something to go on from.

        Raises:
            UserError: for a finished run, an unfinished one with other settings, or a folder of something else.
        """
        self.refuse_finished()
        if self.settings.exists():
            found = self.read_settings()
            if found != settings:
                names = ", ".join(_differences(asdict(found), asdict(settings)))
                raise UserError(
                    f"{self.path} holds an unfinished run with other settings ({names}): "
                    "give the same ones to go on, or another --run-dir"
                )
            save_json(settings, self.settings)  # what need not be equal may have changed
            return True
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise UserError(f"{self.path} holds something that is not a run: give another --run-dir")
        save_json(settings, self.settings)
        return False

    def read_settings(self) -> RunSettings:
        """What the run was asked to do.

        Raises:
            UserError: for a folder that holds no run.
        """
        if not self.settings.exists():
            raise UserError(f"{self.path} holds no run: name the folder that a run printed")
        try:
            return load_json(self.settings, RunSettings)
        except FormatError as error:
            raise UserError(f"{error.what}: give another --run-dir, or delete the folder") from None

    def add_seconds(self, step: str, seconds: float) -> None:
        """Adds to the time that a step took, over all sessions of the run."""
        total = self.read_seconds()
        total[step] = total.get(step, 0.0) + seconds
        write_atomically(self.seconds, json.dumps(total, indent=1) + "\n")

    def read_seconds(self) -> dict[str, float]:
        """The time that each step took so far."""
        try:
            found = json.loads(self.seconds.read_text(encoding="utf-8"))
            return {str(step): float(seconds) for step, seconds in found.items()}
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            # Nothing but times: those of a damaged file are gone, and the run is not.
            return {}


def holds_bundle(path: Path) -> bool:
    """Whether a folder holds a bundle that was finished."""
    return (path / "bundle.json").exists()


def write_history(path: Path, records: Sequence[Any]) -> None:
    """One line of JSON for every record of a search's or a training's history."""
    write_atomically(path, "".join(json.dumps(asdict(record)) + "\n" for record in records))


class NetworkFolder:
    """Paths of one net: what it is, its weights, and the files that ship."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.architecture = path / "architecture.json"
        self.checkpoint = path / "training.pt"
        self.history = path / "history.jsonl"
        self.weights = path / "weights.safetensors"

    def file(self, name: str) -> Path:
        """An exported file, by the name that it has in a bundle."""
        return self.path / name


def unfinished_folder(parent: Path, name: str, settings: RunSettings) -> RunFolder:
    """The folder for a run that was given none: an unfinished one with these settings, or else a new one.

    Tries `parent/name`, `parent/name-2`, `parent/name-3` and so on.
    """
    number = 1
    while True:
        folder = RunFolder(parent / (name if number == 1 else f"{name}-{number}"))
        if not folder.path.exists():
            return folder
        if not folder.is_finished and _holds(folder, settings):
            return folder
        number += 1


def _holds(folder: RunFolder, settings: RunSettings) -> bool:
    try:
        return folder.read_settings() == settings
    except UserError:
        return False


def _differences(found: dict[str, Any], wanted: dict[str, Any], prefix: str = "") -> list[str]:
    names = []
    for key in found:
        if isinstance(found[key], dict) and isinstance(wanted[key], dict):
            names.extend(_differences(found[key], wanted[key], f"{prefix}{key}."))
        elif found[key] != wanted[key]:
            names.append(f"{prefix}{key}")
    return names
