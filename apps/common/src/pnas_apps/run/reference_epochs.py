"""Presets of earlier versions. Imports nothing heavy, since `--help` needs it."""

from typing import Any


def with_compare(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a preset, with a section `compare` in place of the `reference_epochs` of earlier versions.

    Those trained the fastest and the biggest net on from the supernet, which says nothing of the search: nothing is
    compared until someone asks for it, and then for as many epochs.
    """
    if "reference_epochs" not in options:
        return options
    others = {name: value for name, value in options.items() if name != "reference_epochs"}
    return {"compare": {"nets": 0, "epochs": options["reference_epochs"]}, **others}
