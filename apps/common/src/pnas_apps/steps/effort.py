"""What a run takes, in passes over its training images: a look at an image counts once, whatever is computed."""

from pnas_apps.images.batch_parts import whole_batch_size
from pnas_apps.run.preset import Preset

_ENDS = 2
"""The fastest and the biggest net of a space, beside the net that was searched."""


def search_passes(preset: Preset, *, images: int, weights: int) -> float:
    """Passes of a search: each epoch goes through the weights' images, and an architecture step looks at a batch.

    Args:
        preset: of the run.
        images: how many training images there are.
        weights: how many of these the search's weights learn on.
    """
    search = preset.search
    batch = whole_batch_size(preset.batch_size, weights, 1)
    arch_steps = search.epochs * (weights // batch // search.arch_interval)
    return ((search.warmup_epochs + search.epochs) * weights + arch_steps * batch) / images


def most_compared(preset: Preset) -> int:
    """How many nets are compared at most: the searched one, random ones, the ends of the space, hand-made ones."""
    compare = preset.compare
    return 1 + compare.nets + _ENDS + len(preset.measured_baselines) if compare.nets else 0


def compare_passes(preset: Preset) -> int:
    """Passes of a comparison, at most."""
    return most_compared(preset) * preset.compare.seeds * preset.compare.epochs
