"""The ten spaces of MCUNet at 320 KB of SRAM and 1 MB of flash memory, beside the means that its authors published.

What of theirs is not known here is told apart: the memory of activations as TFLite needs it, or as an engine whose
depthwise convolutions write over their input; the depth of a stage by leaving out any of its blocks, as `mcunet_space`
has it, or the last one or two, as theirs are drawn; and Once-for-All's convolution to 1280 channels before the last
pool, which their published nets do not have.

    python tests/benchmarks/mcunet_spaces.py [NETS]
"""

import sys

import torch
from attrs import evolve, frozen
from torch import Tensor

from pnas_latency import MACS, Metric, peak_activation_bytes, rank_correlation, weight_bytes
from pnas_ops import (
    IN_PLACE_RULES,
    MCUNET_MEAN_MACS,
    TFLITE_RULES,
    ClassifierSpec,
    RuntimeRules,
    SearchSpace,
    mcunet_space,
    random_choices,
)

SRAM_BYTES, FLASH_BYTES = 320 * 1024, 1024 * 1024
CLASSES = 100
LEAST_DEPTH, HIDDEN_CHANNELS = 2, 1280


@frozen
class Variant:
    """What is supposed of their spaces."""

    rules: RuntimeRules = TFLITE_RULES
    tails: bool = False
    mixes: bool = False


VARIANTS = {
    "as mcunet_space": Variant(),
    "in place": Variant(rules=IN_PLACE_RULES),
    "tails": Variant(tails=True),
    "in place, tails": Variant(rules=IN_PLACE_RULES, tails=True),
    "1280": Variant(mixes=True),
    "1280, in place, tails": Variant(rules=IN_PLACE_RULES, tails=True, mixes=True),
}


def drawn(space: SearchSpace, count: int, *, tails: bool) -> Tensor:
    """The choices of nets: each net of the space equally probable, or depths of 2 to 4 blocks, the first of a stage."""
    generator = torch.Generator().manual_seed(0)
    if not tails:
        return torch.tensor([space.sample_choices(generator) for _ in range(count)])
    computing = [len(row) - any(block.computes_nothing for block in row) for row in space.mixed]
    rows = []
    for _ in range(count):
        choices = list(random_choices(computing, generator))
        for stage, extra in enumerate(random_choices([len(range(LEAST_DEPTH, 5))] * 5, generator)):
            for block in range(LEAST_DEPTH + extra, 4):
                choices[4 * stage + block] = space.options[4 * stage + block] - 1  # the last one skips
        rows.append(choices)
    return torch.tensor(rows)


def within(space: SearchSpace, choices: Tensor, sram: Metric, flash: Metric) -> Tensor:
    """Which nets keep both limits."""
    return (sram.reckoned_all(space, choices) <= SRAM_BYTES) & (flash.reckoned_all(space, choices) <= FLASH_BYTES)


def main(count: int) -> None:
    means: dict[str, list[float]] = {name: [] for name in VARIANTS}
    print(f"| space | published | {' | '.join(VARIANTS)} |")
    for (width, resolution), published in MCUNET_MEAN_MACS.items():
        plain = mcunet_space(width, classes=CLASSES, resolution=resolution)
        cells = []
        for name, variant in VARIANTS.items():
            head = evolve(plain.head, op=ClassifierSpec(hidden_channels=HIDDEN_CHANNELS if variant.mixes else None))
            space = evolve(plain, head=head)
            choices = drawn(space, count, tails=variant.tails)
            sram, flash = peak_activation_bytes("int8", variant.rules), weight_bytes("int8", variant.rules)
            kept = choices[within(space, choices, sram, flash)]
            macs = MACS.reckoned_all(space, kept)
            means[name].append(float(macs.mean()) if len(macs) else 0.0)
            cells.append(f"{means[name][-1] / 1e6:.1f} ({len(kept) / count:.0%})")
        print(f"| {width:g}-{resolution} | {published / 1e6:.1f} | {' | '.join(cells)} |", flush=True)
    correlations = [rank_correlation(one, list(MCUNET_MEAN_MACS.values())) for one in means.values()]
    print(f"| rank correlation | | {' | '.join('-' if one is None else f'{one:.2f}' for one in correlations)} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
