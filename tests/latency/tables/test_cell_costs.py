"""What cells cost, edge by edge, and the most probable of them within a budget."""

from itertools import product
from math import prod

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pnas_latency import (
    MACS,
    PARAMETERS,
    Limit,
    Metric,
    choose_within_budget,
    measure_table,
    peak_activation_bytes,
    validation_nets,
    weight_bytes,
)
from pnas_ops import (
    BlockSpec,
    CellEdge,
    CellSpace,
    CellSpec,
    CellStackSpec,
    ClassifierSpec,
    LinearConvSpec,
    NoneSpec,
    OpSpec,
    PoolSpec,
    ReluConvSpec,
    Workload,
    architecture_macs,
    architecture_parameters,
    darts_space,
    full_cell,
    nas_bench_201_space,
    workload_parts,
    workloads,
)
from strategies import cell_spaces, choices, latency_tables
from tables import RowsDevice, uniform_table

CELL = full_cell(inputs=1, nodes=2, outputs=(2,))
TINY = CellSpace(
    name="tiny",
    resolution=8,
    stem=(BlockSpec(op=LinearConvSpec(kernel_size=3), in_channels=1, out_channels=2),),
    body=(
        BlockSpec(
            op=CellStackSpec(channels=2, cells=(2, 1), normal=CELL, reduction=CELL),
            in_channels=2,
            out_channels=4,
            stride=2,
        ),
    ),
    candidates=(ReluConvSpec(kernel_size=3), PoolSpec(mode="max", kernel_size=3)),
    taken=1,
    head=BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=4, out_channels=3),
)
"""Normal and reduction cells, each of three edges and a choice of what its second node takes."""


@pytest.mark.parametrize("metric", [MACS, PARAMETERS], ids=lambda metric: metric.name)
@settings(max_examples=4)
@given(data=st.data())
def test_work_and_size_are_those_of_the_whole_net(metric: Metric, data: st.DataObject) -> None:
    space = data.draw(cell_spaces())
    chosen = data.draw(choices(space))
    net = space.architecture(chosen)
    whole = architecture_macs if metric is MACS else architecture_parameters
    assert metric.of(net) == metric.reckoned(space, chosen) == whole(net)


@settings(max_examples=10)
@given(st.data())
def test_a_table_of_edges_predicts_what_a_search_takes_a_net_for(data: st.DataObject) -> None:
    space = data.draw(cell_spaces())
    table = data.draw(latency_tables(space))
    chosen = data.draw(choices(space))
    net = space.architecture(chosen)
    assert table.predict_ms(net) == pytest.approx(table.metric().reckoned(space, chosen))
    (bound,) = Limit(metric=table.metric(), at_most=table.predict_ms(net)).bounds(space)
    assert bound.holds(chosen)  # to the last bit
    for (workload,) in workloads(net):
        parts = [part for part in workload_parts(workload) if not part.block.computes_nothing]
        assert table.latency_ms(workload) == pytest.approx(sum(table.latency_ms(part) for part in parts))


def every_choice() -> list[tuple[int, ...]]:
    return [*product(*map(range, TINY.options))]


def some_probs(seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(count, generator=generator, dtype=torch.float64).softmax(0) for count in TINY.options]


def test_an_edge_costs_as_often_as_its_node_takes_it() -> None:
    probs = [p.requires_grad_() for p in some_probs(0)]
    found = MACS.expected(probs, TINY)
    expected = torch.stack(
        [
            torch.stack([p[i] for p, i in zip(probs, chosen, strict=True)]).prod() * MACS.of(TINY.architecture(chosen))
            for chosen in every_choice()
        ]
    ).sum()
    torch.testing.assert_close(found, expected)
    for one, other in zip(torch.autograd.grad(found, probs), torch.autograd.grad(expected, probs), strict=True):
        # What all options have in common reaches no alpha.
        torch.testing.assert_close(one - one.mean(), other - other.mean())


def test_the_most_probable_cells_within_a_budget() -> None:
    probs = some_probs(1)
    costs = {chosen: MACS.of(TINY.architecture(chosen)) for chosen in every_choice()}
    at_most = sorted(costs.values())[len(costs) // 3]

    def probability(chosen: tuple[int, ...]) -> float:
        return prod(float(p[i]) for p, i in zip(probs, chosen, strict=True))

    best = max((chosen for chosen in costs if costs[chosen] <= at_most), key=probability)
    found = choose_within_budget(probs, TINY, [Limit(metric=MACS, at_most=at_most)], name="found")
    assert found == TINY.architecture(best, name="found")
    assert MACS.of(found) <= at_most
    assert MACS.of(MACS.cheapest(TINY)) == min(costs.values())
    assert MACS.of(MACS.dearest(TINY)) == max(costs.values())


def test_a_choice_of_a_cell_counts_once_and_costs_wherever_the_cell_stands() -> None:
    space = nas_bench_201_space(0.25, blocks_per_stage=2, resolution=8)
    probs = [torch.full((5,), 0.2, dtype=torch.float64) for _ in space.options]
    probs[0] = torch.tensor([0.1, 0.1, 0.1, 0.6, 0.1], dtype=torch.float64)
    most = MACS.of(space.architecture([3] * 6))
    net = choose_within_budget(probs, space, [Limit(metric=MACS, at_most=most)])
    assert space.choices(net)[0] == 3
    within = choose_within_budget(probs, space, [Limit(metric=MACS, at_most=MACS.of(MACS.cheapest(space)))])
    assert space.choices(within)[0] != 3


def joins_nothing(op: OpSpec) -> bool:
    """Whether a cell concatenates a node without operations, whose zeros a search does not reckon with."""
    cells = [op.normal, op.reduction] if isinstance(op, CellStackSpec) else []
    return any(
        cell is not None
        and cell.join == "concatenation"
        and any(all(edge.op == NoneSpec() for edge in cell.nodes[state - cell.inputs]) for state in cell.outputs)
        for cell in cells
    )


@pytest.mark.parametrize("nothing", [0, 1, 2])
def test_the_zeros_of_a_node_without_operations_are_a_constant_of_the_file(nothing: int) -> None:
    edges = [NoneSpec() if node == nothing else ReluConvSpec(kernel_size=1) for node in range(3)]
    cell = CellSpec(
        inputs=1, nodes=tuple((CellEdge(source=0, op=op),) for op in edges), outputs=(1, 2, 3), join="concatenation"
    )
    stack = CellStackSpec(channels=2, cells=(1,), normal=cell, preprocessed=False)
    block = BlockSpec(op=stack, in_channels=2, out_channels=6)
    workload, metric = Workload(block=block, height=8, width=8), weight_bytes("int8")
    ((own,),) = metric.rows([[workload]])
    # A byte for each weight and each zero, four for each bias.
    assert own + sum(metric.shared(workload).values()) == 2 * (2 * 2) + 2 * 4 * 2 + 2 * 8 * 8


@settings(max_examples=8)
@given(st.data())
def test_bytes_are_never_below_those_of_the_net(data: st.DataObject) -> None:
    space = data.draw(cell_spaces())
    chosen = data.draw(choices(space))
    net = space.architecture(chosen)
    assume(not any(joins_nothing(block.op) for block in net.blocks))
    metric = weight_bytes("int8")
    assert metric.reckoned(space, chosen) >= metric.of(net)
    assert peak_activation_bytes("float32").of(net) > 0


def test_a_stack_of_cells_is_known_by_its_parts_or_as_a_whole() -> None:
    space = darts_space(4 / 36, blocks_per_stage=1, resolution=8)
    net = space.sample(torch.Generator().manual_seed(0))
    assert uniform_table(net, 2.0).predict_ms(net) == 6.0
    parts = uniform_table(space, 2.0)
    computing = [part for (w,) in workloads(net) for part in workload_parts(w) if not part.block.computes_nothing]
    assert parts.predict_ms(net) == 2.0 * len(computing)


def test_measures_every_operation_once_at_every_shape() -> None:
    space = nas_bench_201_space()
    device = RowsDevice()
    table = measure_table(device, space)
    table.check_fits(space)
    # Stem, two reductions and head; of each of three stages the joins and three operations that compute.
    assert len(table.entries) == 4 + 3 * (1 + 3)
    assert table.predict_ms(space.architecture([3] * 6)) == 4 + 15 * (1 + 6)


def test_validation_nets_are_different_ones() -> None:
    nets = validation_nets(TINY, cost=MACS, fit=3, held_out=4)
    assert len({net.architecture.blocks for net in nets}) == 7
    assert all(TINY.has(net.architecture) for net in nets)
