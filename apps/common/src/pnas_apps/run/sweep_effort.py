"""How many architecture steps a sweep takes, so that it stays within twice the effort of one search."""

import math

from attrs import evolve

from pnas_apps.run.preset import Preset

ARCH_STEP = 1.6
"""Weight steps that an architecture step by gates takes as long as, at most: 1.3 to 1.5 (README of pnas-supernet)."""

MOST = 2.0
"""Times the effort of one search."""


def preset_effort(preset: Preset, aims: int) -> float:
    """The effort of a preset's search, in epochs of weight steps.

    Args:
        preset: of the search, in which every aim takes an architecture step after `arch_interval` weight steps.
        aims: the aims that it is for.
    """
    search = preset.search
    return search.warmup_epochs + search.epochs * (1 + aims * _arch_step(preset) / search.arch_interval)


def sweep_preset(preset: Preset, aims: int) -> Preset:
    """The preset of a search for so many aims, by that of a search for one.

    It has as many weight steps, and as many architecture steps for each aim, or fewer where all together would come to
    more than `MOST` times the effort.
    """
    search = preset.search
    left = MOST * preset_effort(preset, 1) - search.warmup_epochs - search.epochs
    interval = max(search.arch_interval, math.ceil(search.epochs * aims * _arch_step(preset) / left))
    return evolve(preset, search=evolve(search, arch_interval=interval))


def _arch_step(preset: Preset) -> float:
    """Weight steps that an architecture step takes as long as; a forward pass is a third of one."""
    return max(ARCH_STEP, preset.objective.samples / 3) if preset.objective.form == "reinforce" else ARCH_STEP
