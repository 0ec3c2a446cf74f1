"""Nets of cells in the programs: spaces by name, tables, the objective of a search."""

import pytest
import torch

from pnas_apps.run.named_spaces import named_space
from pnas_apps.showing.run_tables import architecture_table
from pnas_apps.steps.objective import average_ms
from pnas_apps.steps.reference_nets import biggest, fastest
from pnas_cifar10.cli import APP
from pnas_cifar10.tasks import SPACES
from pnas_latency import MACS, ExpectedObjective, LinearPenalty
from pnas_ops import CellSpace, build_network, darts_space, genotype_text, nas_bench_201_space
from pnas_supernet import SuperNet, mixed_ops
from tables import uniform_table

SPACE = darts_space(4 / 36, blocks_per_stage=1, resolution=8)
TABLE = uniform_table(SPACE, 0.01)


@pytest.mark.parametrize(
    ("name", "channels", "nets"),
    [("nas-bench-201", 3, 5**6), ("darts", 3, (180 * 7**8) ** 2), ("digits-cells", 1, 5**6)],
)
def test_spaces_of_cells_have_names(name: str, channels: int, nets: int) -> None:
    space = named_space(SPACES, name, classes=7, resolution=None, blocks_per_stage=1, width_mult=0.5)
    assert isinstance(space, CellSpace)
    assert (space.in_channels, space.classes, space.size()) == (channels, 7, nets)
    assert name in APP.spaces


def test_a_net_of_cells_is_listed_kind_by_kind() -> None:
    net = SPACE.architecture([0] * 34, name="pools")
    operations = [str(cell) for cell in architecture_table(TABLE.priced(net)).columns[2].cells]
    normal, reduction = operations[1].splitlines()
    assert normal == "1+1+1 normal: max3~0 max3~1 | max3~0 max3~1 | max3~0 max3~1 | max3~0 max3~1"
    assert reduction == normal.replace("1+1+1 normal", "2 reduction")


def test_the_ends_of_the_space() -> None:
    assert "sep_conv_5x5" in genotype_text(biggest(SPACE))
    quickest = fastest(SPACE, TABLE)
    assert TABLE.predict_ms(quickest) < average_ms(SPACE, TABLE) < TABLE.predict_ms(biggest(SPACE))
    assert MACS.of(quickest) < MACS.of(biggest(SPACE))


def test_the_fastest_net_sees_its_images() -> None:
    space = nas_bench_201_space(0.25, blocks_per_stage=1, resolution=8)
    table = uniform_table(space, 0.01)
    net = fastest(space, table)
    # An edge that hands its input on costs as little as one that is not there.
    assert table.predict_ms(net) == table.predict_ms(space.architecture([0] * 6))
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    one, other = build_network(net, generator=torch.Generator().manual_seed(0)).eval()(images)
    assert not torch.equal(one, other)
    assert space.has(net)


def test_an_objective_takes_the_probabilities_of_every_mixture() -> None:
    supernet = SuperNet(SPACE, generator=torch.Generator().manual_seed(0))
    probs = [op.probs for op in mixed_ops(supernet)]
    objective = ExpectedObjective(SPACE, [(TABLE.metric(), LinearPenalty(weight=1.0, reference=1.0))])
    found = objective(torch.tensor(0.0), probs)
    # alpha is next to nothing, so that every net is about as probable.
    assert float(found.detach()) == pytest.approx(average_ms(SPACE, TABLE) - 1.0, rel=1e-2)
    found.backward()
    assert all(op.alpha.grad is not None for op in mixed_ops(supernet))
