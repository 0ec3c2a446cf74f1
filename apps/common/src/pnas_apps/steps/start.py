"""A search that starts from the supernet of another, finished one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from attrs import field, frozen
from torch import Tensor

from pnas_apps.ground.errors import UserError
from pnas_apps.images.image_hash import image_hash
from pnas_apps.images.loading import Loading
from pnas_apps.run.classes import check_classes
from pnas_apps.run.preset import Preset
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.search_start import SearchStart
from pnas_apps.run.settings import RunSettings
from pnas_apps.run.task import Task
from pnas_ops import sha256_of
from pnas_supernet import SuperNet, alpha_parameters, load_checkpoint

_HELD_OUT = ("search_share", "validation_share", "validation_size")
"""Options, beside the seed, that say which images the weights of a search do not learn on."""


@frozen(kw_only=True)
class Start:
    """A search that another one can start from.

    Attributes:
        start: as the other one keeps it.
        settings: of its run.
    """

    start: SearchStart
    settings: RunSettings = field(repr=False)

    def check(self, task: Task) -> None:
        """Raises a UserError for classes or a space that are not those of the search."""
        settings, path = self.settings, Path(self.start.run)
        check_classes(task, settings, path)
        if task.space != settings.space:
            raise UserError(
                f"--from {path} has a supernet of another space than {task.space.name!r}: give the --preset and flags "
                "it was started with, or leave out --from"
            )

    def check_images(self, task: Task, loading: Loading) -> None:
        """Raises a UserError for images that are not those of the search.

        Args:
            task: without images that cannot be read, where these were looked for.
            loading: how to read a few of its images.
        """
        settings, path = self.settings, Path(self.start.run)
        found, searched = (len(task.train), len(task.test)), (settings.train_images, settings.test_images)
        way_out = "give its --data-dir, or leave out --from"
        if found != searched:
            raise UserError(
                f"--from {path} was searched on other images: {searched[0]} + {searched[1]}, not {found[0]} + "
                f"{found[1]}: {way_out}"
            )
        if settings.images and image_hash(task.train, loading) != settings.images:
            raise UserError(f"--from {path} was searched on other images, though as many as these: {way_out}")

    def doubt(self, preset: Preset, seed: int) -> str | None:
        """A line where nets are to be judged on images that the weights of the search have learnt on; else None."""
        found = self.settings

        def shares(one: Preset) -> list[float | None]:
            return [getattr(one, name, None) for name in _HELD_OUT]

        if not preset.judged_nets or (found.seed, shares(found.preset)) == (seed, shares(preset)):
            return None
        flags = " ".join(
            f"--{name.replace('_', '-')} {getattr(found.preset, name):g}"
            for name in _HELD_OUT
            if getattr(found.preset, name, None) is not None
        )
        return (
            f"--from {self.start.run} was trained on some of the images that judge nets here: start as it was started, "
            f"with --seed {found.seed} {flags}"
        )


def find_start(path: Path, *, alpha: bool) -> Start:
    """The finished search of a run or a sweep.

    Args:
        path: the folder.
        alpha: whether its architecture parameters are to be taken.

    Raises:
        UserError: for a folder without a run, or whose search is not finished, and a sweep where one alpha is wanted.
        CheckpointError: for a checkpoint that is damaged.
    """
    folder = RunFolder(path)
    settings = folder.read_settings()
    if alpha and settings.aims:
        raise UserError(f"--from {path} is a sweep, with an alpha for each net: name one of the folders in it")
    try:
        state = _state(folder.search_checkpoint, is_sweep=bool(settings.aims))
    except FileNotFoundError:
        if settings.exploration is not None:
            raise UserError(f"--from {path} is an exploration without a supernet: name a run of search") from None
        raise UserError(f"--from {path} has not been searched yet: {_way_out(path)}") from None
    done, epochs = len(state["history"]), state["config"]["warmup_epochs"] + state["config"]["epochs"]
    if done < epochs:
        raise UserError(f"--from {path} is in the middle of its search, {done} of {epochs} epochs: {_way_out(path)}")
    start = SearchStart(run=str(path.resolve()), sha256=sha256_of(folder.search_checkpoint), alpha=alpha)
    return Start(start=start, settings=settings)


def begin_with(supernet: SuperNet, start: SearchStart) -> None:
    """Gives a supernet the weights of another search, with what BatchNorm knows; its alphas, too, if they are wanted.

    Raises:
        UserError: where that search is not there any more, or is another one by now.
    """
    folder = RunFolder(Path(start.run))
    checkpoint = folder.search_checkpoint
    if not checkpoint.exists() or sha256_of(checkpoint) != start.sha256:
        raise UserError(
            f"{checkpoint}, which this search starts from, is missing or has changed: restore it, or give another "
            "--run-dir"
        )
    of_network: Mapping[str, Tensor] = _state(checkpoint, is_sweep=bool(folder.read_settings().aims))["network"]
    alphas = set(alpha_parameters(supernet))
    own = {name for name, one in supernet.named_parameters(remove_duplicate=False) if one in alphas}
    taken = {name: tensor for name, tensor in of_network.items() if start.alpha or name not in own}
    with torch.no_grad():
        supernet.load_state_dict({**supernet.state_dict(), **taken})


def _state(checkpoint: Path, *, is_sweep: bool) -> dict[str, Any]:
    return load_checkpoint(checkpoint, kind="sweep" if is_sweep else "search")


def _way_out(path: Path) -> str:
    return f"finish it with the command that began it (--run-dir {path}), or name another run"
