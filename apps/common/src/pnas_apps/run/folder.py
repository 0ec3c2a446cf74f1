"""The folder that holds everything of one run. A step is done when its file is there."""

import json
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from attrs import AttrsInstance, asdict

from pnas_apps.ground.errors import UserError
from pnas_apps.run.file_hashes import FileHashes
from pnas_apps.run.network_folder import NetworkFolder
from pnas_apps.run.operations import FILE_NAME as OPERATIONS
from pnas_export import Bundle
from pnas_ops import (
    FormatError,
    PnasError,
    clear_leftovers,
    parse_json,
    recover,
    to_json,
)
from pnas_supernet import has_checkpoint

SEARCHED = "searched"
"""The name of the net that the search found."""

_NEEDLESS = (".txt", ".png", ".html", "history.jsonl", "seconds.json", "judged.jsonl")
"""Files that no step reads once a run is finished."""

_STAGED_BY_VERSION_0_1 = re.compile(r"\.bundle.*\.[a-z0-9_]{8}")

LOCK_NAME = ".lock"
"""Of the file that a program holds as long as it works in the folder."""


class Settings(AttrsInstance, Protocol):
    """What a run was asked to do; equal for an unfinished one to resume."""

    def with_limits_of(self, other: Self) -> Self:
        """These, with whatever of others may be taken as long as no search has begun."""


AnySettings = TypeVar("AnySettings", bound=Settings)


class KeptRun(ABC, Generic[AnySettings]):
    """Paths and small files of a run of any program.

    Attributes:
        path: the folder.
        files: what is known of the files in it; whatever a step writes goes through it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = FileHashes(path)
        self.settings = path / "settings.json"
        self.operations = path / OPERATIONS
        self.table = path / "table.json"
        self.search_checkpoint = path / "search.pt"
        self.history = path / "history.jsonl"
        self.architecture = path / "architecture.json"
        self.landing = path / "landing.json"
        self.judged = path / "judged.jsonl"
        self.design = path / "design.json"
        self.labels = path / "labels.txt"
        self.preprocessing = path / "preprocessing.json"
        self.converter_log = path / "converters.log"
        self.seconds = path / "seconds.json"
        self.results = path / "results.json"
        self.mistakes = path / "mistakes.json"
        self.explored = path / "explored.json"
        self.picture = path / "architectures.png"
        self.curves = path / "search.png"
        self.curve = path / "sweep.png"
        self.report = path / "report.txt"
        self.page = path / "report.html"
        self.events = path / "tensorboard"
        self.compared = path / "compared"
        self.contenders = self.compared / "nets.json"
        self.accuracies = self.compared / "accuracies.jsonl"

    def network(self, name: str) -> NetworkFolder:
        """The folder of one of the nets."""
        return NetworkFolder(self.path / "networks" / name, self.files)

    def anew(self, name: str, *, epochs: int, seed: int) -> NetworkFolder:
        """The folder of a training of one of the nets that are compared, from fresh weights."""
        return NetworkFolder(self.compared / f"{name}-{epochs}-epochs-seed-{seed}", self.files)

    def bundle(self, name: str) -> Path:
        """The folder of a net's exported files; `bundle` itself is that of the searched net."""
        return self.path / ("bundle" if name == SEARCHED else f"bundle-{name}")

    @property
    def is_finished(self) -> bool:
        """Whether the last step is done."""
        return self.results.exists()

    @property
    def is_unchecked(self) -> bool:
        """Whether a run is here of which no hashes are known."""
        return self.settings.exists() and not self.files.path.exists()

    def damages(self) -> list[Path]:
        """The files that a run needs and that have changed since they were written."""
        bundle = self.bundle(SEARCHED)
        try:
            if holds_bundle(bundle):
                Bundle.load(bundle)
            damaged = []
        except PnasError:
            damaged = [bundle]
        return [*damaged, *(path for path in self.files.changed() if not path.name.endswith(_NEEDLESS))]

    def refuse_finished(self) -> None:
        """Raises a UserError where the run is finished, and nothing of it is damaged that could be made again."""
        if self.is_finished and not self.damages():
            raise UserError(f"{self.path} already holds a finished run: read {self.report}, or give another --run-dir")

    def refuse_foreign(self) -> None:
        """Raises a UserError where the folder holds something that is not a run."""
        if self.settings.exists() or not self.path.exists():
            return
        if not self.path.is_dir() or not all(map(self._is_left_over, self.path.iterdir())):
            raise UserError(f"{self.path} holds something that is not a run: give another --run-dir")

    def check(self, settings: AnySettings) -> None:
        """Refuses a folder in which a run cannot begin, or go on, with these settings.

        As long as no search has begun, an unfinished one takes other limits and another objective: those that it has
        may be what it was refused for.

        Raises:
            UserError: for a finished run, an unfinished one with other settings, or a folder of something else.
        """
        self.refuse_finished()
        self.refuse_foreign()
        if not self.settings.exists() or self._mends(settings):
            return
        found = self.read_settings()
        if not has_checkpoint(self.search_checkpoint):
            found = found.with_limits_of(settings)
        if found != settings:
            names = ", ".join(_differences(_compared(found), _compared(settings)))
            raise UserError(
                f"{self.path} holds an unfinished run with other settings ({names}): give the same ones to resume it, "
                "or another --run-dir"
            )

    def takes(self, settings: AnySettings) -> bool:
        """Whether `check` has nothing against them."""
        try:
            self.check(settings)
        except UserError:
            return False
        return True

    def begin(self, settings: AnySettings) -> bool:
        """Writes the settings of a new run, or of an unfinished one that can go on with them.

        Removes what a program that was killed has left of a file: only one that holds the folder may call it.

        Returns:
            Whether there is something to resume from.

        Raises:
            UserError: as `check`.
        """
        self.check(settings)
        goes_on = self.settings.exists()
        self.clear_leftovers()
        self.files.save(settings, self.settings)  # what need not be equal may have changed
        return goes_on

    def _is_left_over(self, path: Path) -> bool:
        """Whether a program may leave it that was killed before there was a run."""
        return path.name == LOCK_NAME or path == self.files.path or path.match(".*.tmp")

    def _mends(self, settings: AnySettings) -> bool:
        """Whether the file of the settings is damaged, and these are what was to be in it."""
        return self.files.has_changed(self.settings) and bool(self.files.was(self.settings, to_json(settings)))

    def read_settings(self) -> AnySettings:
        """What the run was asked to do.

        Raises:
            UserError: for a folder that holds no run.
        """
        if not self.settings.exists():
            raise UserError(f"{self.path} holds no run: name a run's folder")
        try:
            self.files.check(self.settings)
        except FormatError as error:
            raise UserError(
                f"{error.what}: give the command that started the run, which writes it again, or another --run-dir"
            ) from None
        try:
            return self._load_settings()
        except FormatError as error:
            raise UserError(f"{error.what}: name another folder, or delete this one") from None

    def refuse_run_of(self, program: str, schema: str) -> None:
        """Raises a UserError for a folder of another program, which its settings tell by their schema."""
        try:
            document = parse_json(self.settings.read_text(encoding="utf-8", errors="replace"))
        except FormatError:
            return
        if isinstance(document, dict) and document.get("schema") == schema:
            raise UserError(
                f"{self.path} is a run of {program}: name another folder; its own results are in its {self.report.name}"
            )

    @abstractmethod
    def _load_settings(self) -> AnySettings:
        """Reads the file of the settings."""

    def add_seconds(self, step: str, seconds: float) -> None:
        """Adds to the time that a step took, over all sessions of the run."""
        self.set_seconds(step, self.read_seconds().get(step, 0.0) + seconds)

    def set_seconds(self, step: str, seconds: float) -> None:
        """Keeps the time that a step took in all."""
        self.files.write(self.seconds, json.dumps(self.read_seconds() | {step: seconds}, indent=1) + "\n")

    def read_seconds(self) -> dict[str, float]:
        """The time that each step took so far; none where the file is damaged, for they are nothing but times."""
        try:
            self.files.check(self.seconds)
            found = parse_json(self.seconds.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        if not isinstance(found, dict) or not all(type(one) in (int, float) and one >= 0 for one in found.values()):
            return {}
        return {step: float(seconds) for step, seconds in found.items()}

    def clear_leftovers(self) -> None:
        """Removes what processes were writing here when they were killed."""
        for folder in (self.path, self.compared, *(self.path / "networks").glob("*"), *self.compared.glob("*")):
            clear_leftovers(folder)
        for entry in self.path.glob(".bundle*"):
            if _STAGED_BY_VERSION_0_1.fullmatch(entry.name):
                shutil.rmtree(entry)


def holds_bundle(path: Path) -> bool:
    """Whether a folder holds a bundle, perhaps damaged."""
    recover(path)
    return any((path / name).exists() for name in ("bundle.json", "metadata.json"))


def history_lines(records: Sequence[Any]) -> str:
    """One line of JSON for every record of a search's or a training's history."""
    return "".join(json.dumps(asdict(record), allow_nan=False) + "\n" for record in records)


def _compared(settings: AttrsInstance) -> dict[str, Any]:
    """The settings that must be equal."""
    return asdict(settings, filter=lambda attribute, _: bool(attribute.eq))


def _differences(found: dict[str, Any], wanted: dict[str, Any], prefix: str = "") -> list[str]:
    names = []
    for key in found:
        if isinstance(found[key], dict) and isinstance(wanted[key], dict):
            names.extend(_differences(found[key], wanted[key], f"{prefix}{key}."))
        elif found[key] != wanted[key]:
            names.append(f"{prefix}{key}")
    return names
