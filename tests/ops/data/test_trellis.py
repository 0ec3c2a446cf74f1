"""Paths through a trellis of resolutions, against all of them gone through one by one."""

from collections import Counter
from itertools import pairwise, product

import pytest
import torch
from attrs import evolve

from pnas_latency import LatencyTable, TableEntry
from pnas_ops import (
    Architecture,
    BlockSpec,
    ClassifierSpec,
    ConvSpec,
    TrellisSpace,
    architecture_macs,
    build_network,
    workloads,
)
from pnas_ops.data.sizes import trellis_paths
from tables import DEVICE, measurement

SPACE = TrellisSpace(
    name="trellis",
    resolution=16,
    stem=(BlockSpec(op=ConvSpec(kernel_size=3), in_channels=3, out_channels=2, stride=2),),
    layers=5,
    levels=3,
    op=ConvSpec(kernel_size=3),
    head=BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=2, out_channels=4),
)


def paths(layers: int, levels: int) -> list[tuple[int, ...]]:
    """All of them, by going through everything."""
    rows = product(range(levels), repeat=layers)
    return [row for row in rows if row[0] == 0 and all(abs(one - other) <= 1 for one, other in pairwise(row))]


def test_there_are_as_many_paths_as_it_says_and_each_is_read_back() -> None:
    every = paths(SPACE.layers, SPACE.levels)
    nets = [SPACE.architecture(path) for path in every]
    assert len({*nets}) == SPACE.size() == len(every)
    assert [SPACE.choices(net) for net in nets] == every
    assert evolve(SPACE, layers=12, levels=4, resolution=32).size() == trellis_paths(layers=12, levels=4)


@pytest.mark.parametrize("path", [(0, 0, 0, 0, 0), (0, 1, 2, 2, 1), (0, 1, 0, 1, 2)])
def test_a_path_is_a_net_of_feature_maps_of_its_levels(path: tuple[int, ...]) -> None:
    net = SPACE.architecture(path)
    network = build_network(net).eval()
    x, sizes = torch.randn(2, 3, 16, 16), []
    with torch.no_grad():
        for block in network:
            x = block(x)
            sizes.append(x.shape)
    assert x.shape == (2, 4)
    # Where it doubles, the layer's last block is the one that counts.
    pairs = [*pairwise((0, *path))]
    ends = [len(SPACE.stem) - 1 + sum(len(SPACE.layer(*pair)) for pair in pairs[:n]) for n in range(1, 6)]
    assert [sizes[end][1:] for end in ends] == [(2 << level, 8 >> level, 8 >> level) for level in path]


def test_its_terms_are_what_each_path_computes() -> None:
    terms = SPACE.cost_terms()
    for path in paths(SPACE.layers, SPACE.levels):
        net = SPACE.architecture(path)
        assert [one for term in terms for one in term.of(path)] == [one for (one,) in workloads(net)]
    everything = {one for row in workloads(SPACE) for one in row}
    assert everything == {one for path in paths(5, 3) for (one,) in workloads(SPACE.architecture(path))}
    assert architecture_macs(SPACE.architecture((0, 1, 2, 2, 2))) < architecture_macs(SPACE.architecture((0,) * 5))


def test_a_table_of_its_layers_prices_every_path() -> None:
    computing = [*dict.fromkeys(one for row in workloads(SPACE) for one in row)]
    table = LatencyTable(
        device=DEVICE,
        measured_on="2025-01-02",
        entries=tuple(TableEntry(workload=one, measurement=measurement(1.0 + n)) for n, one in enumerate(computing)),
    )
    ms = {one: 1.0 + number for number, one in enumerate(computing)}
    for path in paths(5, 3):
        net = SPACE.architecture(path)
        assert table.predict_ms(net) == sum(ms[one] for (one,) in workloads(net))


def test_each_path_is_drawn_as_often() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = Counter(SPACE.sample_choices(generator) for _ in range(5000))
    assert {*drawn} == {*paths(5, 3)}
    expected = 5000 / SPACE.size()
    # Pearson's statistic, whose mean is one less than the number of paths, and its deviation 9.
    assert sum((count - expected) ** 2 / expected for count in drawn.values()) < SPACE.size() + 45


def test_changes_and_mixtures_of_paths_are_paths() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(30):
        one, other = SPACE.sample(generator), SPACE.sample(generator)
        assert SPACE.has(SPACE.mutate(one, generator, probability=0.5))
        assert SPACE.has(SPACE.crossover(one, other, generator))
        assert SPACE.choices(SPACE.mutate(one, generator, probability=0.0)) == SPACE.choices(one)
    net = SPACE.architecture((0, 1, 1, 1, 2))
    near = [SPACE.choices(other) for other in SPACE.neighbours(net)]
    every = paths(5, 3)
    assert {*near} == {p for p in every if sum(a != b for a, b in zip(p, (0, 1, 1, 1, 2), strict=True)) == 1}
    assert SPACE.encode(net).tolist() == [1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1]


def test_refuses_what_has_no_meaning() -> None:
    assert repr(SPACE) == f"<TrellisSpace 'trellis': 5 layers of 3 levels, {SPACE.size()} paths, 16x16x3 to 4 classes>"
    with pytest.raises(ValueError, match=r"8 pixels after the stem of .* cannot be halved 4 times: take fewer"):
        evolve(SPACE, levels=5)
    with pytest.raises(ValueError, match="from level 0 to one next to it, got 2"):
        SPACE.architecture((0, 0, 2, 1, 1))
    with pytest.raises(ValueError, match="layer 0 of space 'trellis' has levels 0 to 0, got 1"):
        SPACE.architecture((1, 1, 1, 1, 1))
    with pytest.raises(ValueError, match="has 5 layers, got 2"):
        SPACE.architecture((0, 0))
    with pytest.raises(ValueError, match="between 0 and 1, got 2"):
        SPACE.mutate(SPACE.architecture((0,) * 5), torch.Generator(), probability=2)
    net = SPACE.architecture((0,) * 5)
    for other in ("nothing", evolve(net, resolution=32), evolve(net, blocks=(*net.blocks[:-2], net.blocks[-1]))):
        assert not SPACE.has(other)
    assert isinstance(net, Architecture)
