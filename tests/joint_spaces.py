"""Spaces in which several choices decide a cost together, drawn at random; small enough to go through all nets."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from attrs import frozen
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from pnas_latency import Metric
from pnas_ops import Architecture, BlockSpec, ClassifierSpec, ConvSpec, CostTerm, Workload

SIDE = 4
COUNT = 12
"""Of different workloads."""

WORKLOADS = tuple(
    Workload(
        block=BlockSpec(op=ConvSpec(kernel_size=1, dilation=1 + number), in_channels=1, out_channels=1),
        height=SIDE,
        width=SIDE,
    )
    for number in range(COUNT)
)
HEAD = BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=1, out_channels=2)


@frozen(kw_only=True)
class JointSpace:
    """A net has the blocks of its terms, one after the other."""

    options: tuple[int, ...]
    terms: tuple[CostTerm, ...]
    name: str = "joint"
    of_whole_blocks: bool = True

    def cost_terms(self) -> tuple[CostTerm, ...]:
        return (
            *self.terms,
            CostTerm(choices=(), options=(), computed=((Workload(block=HEAD, height=SIDE, width=SIDE),),)),
        )

    def of_choices(self, of_mixtures: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(of_mixtures)

    def architecture(self, choices: Sequence[int], *, name: str = "") -> Architecture:
        computed = [one.block for term in self.terms for one in term.of(choices)]
        return Architecture(
            name=name or f"{tuple(choices)}",
            resolution=SIDE,
            blocks=tuple(one for one in (*computed, HEAD)),
        )

    def every(self) -> Iterator[tuple[int, ...]]:
        """All choices."""
        return product(*map(range, self.options))


@st.composite
def joint_spaces(draw: DrawFn) -> JointSpace:
    """Up to five choices; terms of up to three of them, of any shape of graph."""
    options = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=5)))
    numbers = st.lists(st.sampled_from(range(len(options))), min_size=1, max_size=3, unique=True)
    scopes = draw(st.lists(numbers, min_size=1, max_size=5))
    return JointSpace(
        options=options,
        terms=tuple(draw(cost_term(scope, tuple(options[number] for number in scope))) for scope in scopes),
    )


@st.composite
def cost_term(draw: DrawFn, scope: Sequence[int], options: tuple[int, ...]) -> CostTerm:
    """Of these choices; a combination computes nothing, something, or two things."""
    row = st.lists(st.sampled_from(WORKLOADS), max_size=2).map(tuple)
    rows = draw(st.lists(row, min_size=prod(options), max_size=prod(options)))
    return CostTerm(choices=tuple(scope), options=options, computed=tuple(rows))


def metric_by(costs: Mapping[Workload, float], *, combine: str = "sum", constant: float = 0.0) -> Metric:
    """What each workload costs; heads nothing."""

    def rows(of: Sequence[Sequence[Workload]]) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(costs.get(workload, 0.0) for workload in row) for row in of)

    return Metric(name=combine, unit="ms", rows=rows, combine=combine, constant=constant)  # type: ignore[arg-type]
