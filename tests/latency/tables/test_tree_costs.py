"""What trees cost, edge by edge."""

from itertools import product
from math import prod

import pytest
import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from pnas_latency import (
    MACS,
    PARAMETERS,
    LatencyTable,
    Limit,
    Metric,
    MissingWorkloadsError,
    TableEntry,
    choose_within_budget,
    measure_table,
    peak_activation_bytes,
    validation_nets,
    weight_bytes,
)
from pnas_ops import (
    AnyWorkload,
    TreeBlockSpec,
    architecture_macs,
    architecture_parameters,
    cifar_tree_space,
    tree_edges,
    workload_parts,
    workloads,
)
from strategies import choices, latency_tables, tree_spaces
from tables import RowsDevice, measurement, uniform_table

SPACE = cifar_tree_space(0.25, blocks_per_stage=1)


@pytest.mark.parametrize("metric", [MACS, PARAMETERS, weight_bytes("int8")], ids=lambda metric: metric.name)
@settings(max_examples=15)
@given(data=st.data())
def test_a_net_of_trees_costs_its_blocks_without_operations_and_its_edges(metric: Metric, data: st.DataObject) -> None:
    space = data.draw(tree_spaces())
    chosen = data.draw(choices(space))
    net = space.architecture(chosen)
    parts = [row[i] for row, i in zip(metric.costs(space), chosen, strict=True)]
    # The whole net is counted as it is built; the parts one by one. What only other nets share may be more.
    assert metric.fixed(space) + sum(parts) >= metric.of(net)
    of_each = evolve(metric, shared=lambda workload: {})
    assert of_each.fixed(space) + sum(parts) == of_each.of(net)


@settings(max_examples=10)
@given(st.data())
def test_work_and_size_are_those_of_the_whole_net(data: st.DataObject) -> None:
    space = data.draw(tree_spaces())
    net = space.architecture(data.draw(choices(space)))
    assert MACS.of(net) == architecture_macs(net)
    assert PARAMETERS.of(net) == architecture_parameters(net)


@settings(max_examples=25)
@given(st.data())
def test_a_table_of_edges_predicts_nets_by_the_sum_that_a_search_takes(data: st.DataObject) -> None:
    space = data.draw(tree_spaces())
    table = data.draw(latency_tables(space))
    chosen = data.draw(choices(space))
    net = space.architecture(chosen)
    limit = Limit(metric=table.metric(), at_most=table.predict_ms(net))
    (bound,) = limit.bounds(space)
    # To the last bit, so that what a budget allows is what a prediction says.
    assert bound.holds(chosen)
    fixed, terms = table.metric().priced(space)
    summed = table.metric().constant + sum(fixed) + sum(cost for term in terms for cost in term.of(chosen))
    assert table.predict_ms(net) == pytest.approx(summed)
    for (workload,) in workloads(net):
        parts = [part for part in workload_parts(workload) if not part.block.computes_nothing]
        assert table.latency_ms(workload) == pytest.approx(sum(table.latency_ms(part) for part in parts))


def test_blocks_that_were_measured_whole_do_where_their_edges_are_not_known() -> None:
    net = SPACE.architecture([index % 7 for index in range(36)])
    whole = uniform_table(net, 1.0)
    assert whole.predict_ms(net) == 5.0
    with pytest.raises(MissingWorkloadsError, match="lacks 21 workloads: tree10"):
        whole.costs(SPACE)
    parts = uniform_table(SPACE, 2.0)
    identities = sum(index % 7 == 0 for index in range(36))
    assert parts.predict_ms(net) == 2.0 * (5 + 36 - identities)
    both = evolve(whole, entries=(*whole.entries, *parts.entries[1:-1]))
    assert both.predict_ms(net) == 2.0 * (3 + 36 - identities) + 1.0 + 1.0
    assert both.missing(workloads(net)) == ()


def test_a_block_that_is_known_neither_whole_nor_in_parts_is_missing() -> None:
    net = SPACE.architecture([5] * 36)
    table = uniform_table(SPACE)
    edge = next(part for (w,) in workloads(net) for part in workload_parts(w) if part.block.op == tree_edges()[5])
    lacking = evolve(table, entries=tuple(entry for entry in table.entries if entry.workload != edge))
    with pytest.raises(MissingWorkloadsError, match="lacks 1 workloads: tree10") as caught:
        lacking.predict_ms(net)
    (missing,) = caught.value.missing
    assert isinstance(missing.block.op, TreeBlockSpec)
    with pytest.raises(MissingWorkloadsError, match="lacks 1 workloads: presep-5x5") as caught:
        lacking.check_fits(SPACE)
    assert caught.value.missing == (edge,)


def test_a_column_of_edges_adds_up_too() -> None:
    table = uniform_table(SPACE)
    entries = tuple(evolve(e, columns={"energy_mj": float(n)}) for n, e in enumerate(table.entries))
    energies = {entry.workload: entry.columns["energy_mj"] for entry in entries}
    net = SPACE.architecture([3] * 36)
    expected = sum(energies[part] for (workload,) in workloads(net) for part in workload_parts(workload))
    assert evolve(table, entries=entries).metric("energy_mj").of(net) == expected


def test_the_most_probable_trees_within_a_budget() -> None:
    space = evolve(cifar_tree_space(0.25, blocks_per_stage=1), depth=1, candidates=tree_edges()[3:5])
    generator = torch.Generator().manual_seed(0)
    probs = [torch.rand(2, generator=generator, dtype=torch.float64).softmax(0) for _ in space.mixed]

    def entry(workload: AnyWorkload, number: int) -> TableEntry:
        return TableEntry(workload=workload, measurement=measurement(1.0 + number % 5))

    table = uniform_table(space)
    table = LatencyTable(
        device=table.device,
        measured_on=table.measured_on,
        entries=tuple(entry(one.workload, number) for number, one in enumerate(table.entries)),
    )
    nets = {picks: table.predict_ms(space.architecture(picks)) for picks in product(range(2), repeat=len(space.mixed))}
    at_most = sorted(nets.values())[len(nets) // 3]
    best = max(
        (picks for picks, ms in nets.items() if ms <= at_most),
        key=lambda picks: prod(p[i].item() for p, i in zip(probs, picks, strict=True)),
    )
    found = choose_within_budget(probs, space, [Limit(metric=table.metric(), at_most=at_most)])
    assert space.choices(found) == best


def test_the_memory_of_an_edge_alone_says_nothing() -> None:
    metric = peak_activation_bytes("float32")
    assert metric.of(SPACE.architecture([0] * 36)) > 0
    with pytest.raises(ValueError, match=r"peak_activation_bytes_float32 of 'cifar-tree-0\.25-1' is not known edge by"):
        metric.costs(SPACE)


def test_nets_to_judge_a_table_by_are_drawn_from_more_than_a_float_can_count() -> None:
    space = cifar_tree_space()
    nets = validation_nets(space, cost=MACS, fit=1, held_out=2)
    assert len({net.architecture.blocks for net in nets}) == 3


def test_measures_every_edge_operation_once_and_at_every_edge() -> None:
    device = RowsDevice()
    table = measure_table(device, SPACE)
    table.check_fits(SPACE)
    # Six operations that compute at each of three widths, three blocks, stem and head.
    assert len(table.entries) == 6 * 3 + 3 + 2
    assert [len(row) for row in device.rows] == [1, *([1] + [6] * 12) * 3, 1]
