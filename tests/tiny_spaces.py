"""Spaces so small that all of their nets can be gone through, and costs that anybody may choose."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import torch
from attrs import evolve

from pnas_latency import Metric
from pnas_ops import (
    AnyWorkload,
    BlockSpec,
    Choices,
    ClassifierSpec,
    ConvSpec,
    MBConvSpec,
    ModuleSpace,
    ModuleWorkload,
    NetworkSpace,
    NetworkStage,
    Place,
    digits_mbconv_space,
    mbconv_candidates,
)

BLOCKS = evolve(digits_mbconv_space(blocks_per_stage=2), candidates=mbconv_candidates((3, 5), (3,)))
"""36 nets of four choices, of which each has costs of its own."""

NETWORKS = NetworkSpace(
    name="networks",
    resolutions=(8,),
    stem=(BlockSpec(op=ConvSpec(kernel_size=3), in_channels=1, out_channels=4),),
    stages=(NetworkStage(widths=(4, 8), depths=(1, 2), stride=1), NetworkStage(widths=(8,), depths=(1, 2), stride=2)),
    candidates=(MBConvSpec(kernel_size=3, expansion=1), MBConvSpec(kernel_size=5, expansion=1)),
    head=BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=8, out_channels=10),
)
"""72 nets, whose blocks' costs depend on several choices, some of which mean nothing beside others."""


def _work(title: str) -> ModuleWorkload:
    return ModuleWorkload(title=title, operators=(title,), input_shapes=((1, 3, 8, 8),))


PLACES = ModuleSpace(
    name="somebody's",
    rest=_work("rest"),
    places=tuple(
        Place(path=f"body.{number}", candidates=tuple(_work(f"{kind} {number}") for kind in kinds))
        for number, kinds in enumerate((("original", "5x5", "skip"), ("original",), ("original", "1x1")))
    ),
)
"""6 nets."""

TINY = {"blocks": BLOCKS, "networks": NETWORKS, "places": PLACES}


def every_net(space: Any) -> list[Choices]:
    """The choices of all nets, by going through all ways to choose."""
    ways = product(*map(range, space.options))
    return sorted({space.choices(space.architecture(choices)) for choices in ways})


def random_costs(seed: int) -> Metric:
    """A cost of its own for each workload."""
    generator = torch.Generator().manual_seed(seed)
    costs: dict[AnyWorkload, float] = {}

    def rows(of: Sequence[Sequence[AnyWorkload]]) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(map(cost, row)) for row in of)

    def cost(workload: AnyWorkload) -> float:
        return costs.setdefault(workload, float(torch.rand((), dtype=torch.float64, generator=generator)))

    return Metric(name="cost", unit="ms", rows=rows)


def generators(seed: int = 0) -> Iterator[torch.Generator]:
    """One for each ask."""
    while True:
        yield torch.Generator().manual_seed(seed)
        seed += 1
