"""The names of a run's classes, which must stay what they were: labels are their numbers."""

from collections.abc import Sequence
from pathlib import Path

from attrs import evolve

from pnas_apps.ground.errors import UserError
from pnas_apps.run.settings import RunSettings
from pnas_apps.run.task import Task

_SHOWN = 12


def check_classes(task: Task, settings: RunSettings, path: Path) -> None:
    """Compares the classes of images with those that a run was begun with.

    Args:
        task: the images.
        settings: of the run, see `with_labels`.
        path: its folder.

    Raises:
        UserError: with both lists, or what differs between them, for other names and for another order.
    """
    found, begun_with = task.train.classes, settings.classes
    if begun_with and found != begun_with:
        images = task.name if task.data_dir is None else task.data_dir
        raise UserError(
            f"the images in {images} have other classes than {path}: {class_difference(found, begun_with)}: "
            "rename their folders back, or name the right --data-dir"
        )


def class_difference(found: Sequence[str], expected: Sequence[str]) -> str:
    """Both lists, or what differs between them where they are long."""
    if max(len(found), len(expected)) <= _SHOWN:
        return f"they are {', '.join(found)}; the run's are {', '.join(expected)}"
    if set(found) == set(expected):
        number = next(number for number, (one, other) in enumerate(zip(found, expected, strict=True)) if one != other)
        return f"their order differs: number {number} is {found[number]}, not {expected[number]}"
    known, there = set(expected), set(found)
    more, missing = [name for name in found if name not in known], [name for name in expected if name not in there]
    return f"they have {_shortened(more)}, unknown to the run, and lack {_shortened(missing)}"


def with_labels(settings: RunSettings, labels: Path) -> RunSettings:
    """The settings of an earlier version with the names of the classes, which stand in the run's file of labels."""
    if settings.classes or not labels.exists():
        return settings
    return evolve(settings, classes=tuple(labels.read_text(encoding="utf-8", errors="replace").splitlines()))


def _shortened(names: Sequence[str]) -> str:
    left = len(names) - _SHOWN
    return ", ".join([*names[:_SHOWN], *([f"{left} more"] if left > 0 else [])]) or "none"
