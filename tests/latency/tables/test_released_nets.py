"""The released nets have a price, and trees every other cost."""

import pytest

from pnas_latency import MACS, PARAMETERS, MissingWorkloadsError, peak_activation_bytes
from pnas_ops import (
    RELEASED,
    BlockSpec,
    IdentitySpec,
    ReleasedName,
    TreeBlockSpec,
    Workload,
    architecture_macs,
    architecture_parameters,
    pyramid_tree_architecture,
    released,
    tree_edges,
    workloads,
)
from tables import uniform_table


@pytest.mark.parametrize("name", RELEASED)
def test_a_table_prices_a_released_net(name: ReleasedName) -> None:
    net = released(name)
    computing = [workload for (workload,) in workloads(net) if not workload.block.computes_nothing]
    assert uniform_table(net, latency_ms=0.5).predict_ms(net) == pytest.approx(0.5 * len(computing))


def test_a_table_without_trees_names_them() -> None:
    with pytest.raises(MissingWorkloadsError) as caught:
        uniform_table(released("proxyless_mobile")).predict_ms(released("proxyless_cifar"))
    assert sum(str(workload).startswith("tree") for workload in caught.value.missing) == 54


def test_work_and_size_of_trees_are_those_of_the_whole_net() -> None:
    net = pyramid_tree_architecture([tree_edges()[3:]] * 2, name="small", blocks_per_stage=1, resolution=8)
    assert MACS.of(net) == architecture_macs(net)
    assert PARAMETERS.of(net) == architecture_parameters(net)


def test_the_peak_of_a_tree_is_a_count_by_hand() -> None:
    tree = TreeBlockSpec(hidden_channels=2, edges=(IdentitySpec(),) * 4)
    block = BlockSpec(op=tree, in_channels=4, out_channels=4)
    # A pixel: 4 channels kept for the shortcut while 4 are shuffled into 4 others.
    assert peak_activation_bytes("int8").rows([[Workload(block=block, height=8, width=8)]]) == ((12 * 64,),)
