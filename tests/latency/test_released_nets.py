"""The released nets have a price."""

import pytest

from pnas_latency import LatencyTable, MissingWorkloadsError
from pnas_ops import RELEASED, ReleasedName, released, workloads
from tables import uniform_table


@pytest.mark.parametrize("name", RELEASED)
def test_a_table_prices_a_released_net(name: ReleasedName) -> None:
    net = released(name)
    computing = [workload for (workload,) in workloads(net) if not workload.block.computes_nothing]
    assert uniform_table(net, latency_ms=0.5).predict_ms(net) == pytest.approx(0.5 * len(computing))


def test_a_table_without_trees_names_them() -> None:
    table: LatencyTable = uniform_table(released("proxyless_mobile"))
    with pytest.raises(MissingWorkloadsError, match=r"tree18\(presep-7x7 maxpool-3x3 "):
        table.predict_ms(released("proxyless_cifar"))
