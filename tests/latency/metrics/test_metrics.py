"""Costs beside latency, against other counts and a simulation by hand."""

from itertools import product
from math import prod

import pytest
import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pnas_latency import (
    MACS,
    PARAMETERS,
    Metric,
    MissingWorkloadsError,
    expected_cost,
    file_bytes,
    peak_activation_bytes,
    weight_bytes,
)
from pnas_latency.metrics.file_operators import file_operators
from pnas_latency.metrics.liveness import peak_values
from pnas_ops import (
    TFLITE_RULES,
    Architecture,
    BlockSpec,
    BottleneckSpec,
    ClassifierSpec,
    ConvSpec,
    GlobalPoolSpec,
    GroupedConvSpec,
    IdentitySpec,
    MBConvSpec,
    PoolSpec,
    SeparableConvSpec,
    ShuffleUnitSpec,
    Space,
    UpsampleSpec,
    Workload,
    ZeroSpec,
    architecture_macs,
    architecture_parameters,
    imagenet_mbconv_space,
    workloads,
)
from strategies import architectures, choices, latency_tables, search_spaces
from tables import uniform_table

METRICS = [MACS, PARAMETERS, weight_bytes("int8"), peak_activation_bytes("float32")]


@settings(max_examples=30)
@given(architectures())
def test_work_and_size_are_those_of_the_whole_net(net: Architecture) -> None:
    assert MACS.of(net) == architecture_macs(net)
    assert PARAMETERS.of(net) == architecture_parameters(net)


def test_the_bytes_of_a_net_are_its_constants_laid_out_by_hand() -> None:
    """Two strides of 2 from even sizes need the same padding, of which a file has one."""
    net = Architecture(
        name="by hand",
        resolution=8,
        blocks=(
            BlockSpec(op=ConvSpec(kernel_size=3), in_channels=3, out_channels=4, stride=2),
            BlockSpec(op=SeparableConvSpec(kernel_size=3), in_channels=4, out_channels=6, stride=2),
            BlockSpec(op=SeparableConvSpec(kernel_size=3), in_channels=6, out_channels=6),
            BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=6, out_channels=2),
        ),
    )
    weights = 4 * 3 * 9 + 4 * 9 + 6 * 4 + 6 * 9 + 6 * 6 + 2 * 6
    biases = 4 + 4 + 6 + 6 + 6 + 2  # of a convolution without one: zeros
    padding, axes = 4 * 8, 4 * 2
    assert weight_bytes("float32").of(net) == 4 * (weights + biases) + padding + axes
    assert weight_bytes("int8").of(net) == weights + 4 * biases + padding + axes

    structure = TFLITE_RULES.structure["int8"]
    tables = sum(
        structure.operator[name] * count for name, count in {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 2, "PAD": 2}.items()
    )
    tables += 2 * structure.other_operator + structure.channel * biases  # a mean and the linear layer
    expected = weight_bytes("int8").of(net) + structure.file + tables + 100
    assert file_bytes("int8", metadata_bytes=100).of(net) == expected


def unused(metric: Metric, space: Space, net: Architecture) -> float:
    """What nets of the space share, and this one has not."""

    def paid(of: Space | Architecture) -> float:
        return sum(
            {name: cost for row in workloads(of) for w in row for name, cost in metric.shared(w).items()}.values()
        )

    return paid(space) - paid(net)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@settings(max_examples=30)
@given(data=st.data())
def test_a_net_costs_its_fixed_and_its_chosen_parts(metric: Metric, data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    chosen = data.draw(choices(space))
    parts = [row[i] for row, i in zip(metric.costs(space), chosen, strict=True)]
    combined = max(metric.fixed(space), *parts) if metric.combine == "max" else metric.fixed(space) + sum(parts)
    net = space.architecture(chosen)
    assert metric.of(net) + unused(metric, space, net) == combined


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@settings(max_examples=15)
@given(data=st.data())
def test_expects_the_mean_over_all_nets(metric: Metric, data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    alphas = data.draw(st.tuples(*(st.lists(st.floats(-3, 3), min_size=len(r), max_size=len(r)) for r in space.mixed)))
    probs = [torch.tensor(alpha, dtype=torch.float64).softmax(0) for alpha in alphas]
    nets = {chosen: space.architecture(chosen) for chosen in product(*(range(len(blocks)) for blocks in space.mixed))}
    enumerated = sum(
        prod(p[i].item() for p, i in zip(probs, chosen, strict=True)) * (metric.of(net) + unused(metric, space, net))
        for chosen, net in nets.items()
    )
    assert metric.expected(probs, space).item() == pytest.approx(enumerated, rel=1e-9)


# For an input of 8 channels of 6 x 6 = 36 values each, as a person would lay the tensors out.
PEAKS = [
    (BlockSpec(op=ConvSpec(kernel_size=3), in_channels=8, out_channels=16), 36 * (8 + 16)),
    # The input and its padded copy of 8 x 8.
    (BlockSpec(op=ConvSpec(kernel_size=3), in_channels=8, out_channels=16, stride=2), 36 * 8 + 64 * 8),
    # The input waits for the sum: it and the input and output of each convolution.
    (BlockSpec(op=ConvSpec(kernel_size=3), in_channels=8, out_channels=8, residual=True), 36 * (8 + 8)),
    (BlockSpec(op=MBConvSpec(kernel_size=3, expansion=3), in_channels=8, out_channels=8), 36 * (24 + 24)),
    (
        BlockSpec(op=MBConvSpec(kernel_size=3, expansion=3), in_channels=8, out_channels=8, residual=True),
        36 * (8 + 24 + 24),
    ),
    (BlockSpec(op=MBConvSpec(kernel_size=3, expansion=3), in_channels=8, out_channels=8, stride=2), 36 * 24 + 64 * 24),
    (BlockSpec(op=MBConvSpec(kernel_size=3, expansion=1), in_channels=8, out_channels=4), 36 * (8 + 8)),
    # The gate's small tensors live beside one copy of the gated one, which it is written over.
    (
        BlockSpec(
            op=MBConvSpec(kernel_size=3, expansion=3, squeeze_excitation=True, activation="hswish"),
            in_channels=8,
            out_channels=8,
        ),
        36 * (24 + 24),
    ),
    (BlockSpec(op=SeparableConvSpec(kernel_size=3), in_channels=8, out_channels=16), 36 * (8 + 16)),
    (BlockSpec(op=BottleneckSpec(kernel_size=3, reduction=4), in_channels=8, out_channels=8), 36 * (8 + 2)),
    (
        BlockSpec(op=BottleneckSpec(kernel_size=3, reduction=4), in_channels=8, out_channels=8, residual=True),
        36 * (8 + 2 + 8),
    ),
    # The input waits for its projection while what is computed is padded.
    (
        BlockSpec(
            op=BottleneckSpec(kernel_size=3, reduction=4, shortcut=True), in_channels=8, out_channels=8, stride=2
        ),
        36 * (8 + 2) + 64 * 2,
    ),
    # Both halves are there before the input goes.
    (BlockSpec(op=ShuffleUnitSpec(version="v2", kernel_size=3), in_channels=8, out_channels=8), 36 * (8 + 4 + 4)),
    (BlockSpec(op=UpsampleSpec(mode="nearest", factor=2), in_channels=8, out_channels=8), (36 + 144) * 8),
    # The sigmoid beside what it is multiplied with.
    (BlockSpec(op=ConvSpec(kernel_size=3, activation="silu"), in_channels=8, out_channels=16), 36 * (16 + 16)),
    # Interleaving channels is no work in place.
    (BlockSpec(op=GroupedConvSpec(kernel_size=3, groups=2, shuffle=True), in_channels=8, out_channels=16), 36 * 32),
    (BlockSpec(op=PoolSpec(mode="max", kernel_size=3), in_channels=8, out_channels=8, residual=True), 36 * 16),
    (BlockSpec(op=GlobalPoolSpec(), in_channels=8, out_channels=8), 36 * 8 + 8),
    (BlockSpec(op=ClassifierSpec(hidden_channels=4), in_channels=8, out_channels=3), 36 * (8 + 4)),
    (BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=8, out_channels=3), 36 * 8 + 8),
    # Nothing is computed, but what is handed on is there.
    (BlockSpec(op=ZeroSpec(), in_channels=8, out_channels=8, residual=True), 36 * 8),
    (BlockSpec(op=IdentitySpec(), in_channels=8, out_channels=8), 36 * 8),
]


@pytest.mark.parametrize(("block", "values"), PEAKS, ids=lambda value: str(value))
def test_peak_memory_is_the_tensors_laid_out_by_hand(block: BlockSpec, values: int) -> None:
    row = [Workload(block=block, height=6, width=6)]
    assert peak_activation_bytes("int8").rows([row]) == ((values,),)
    assert peak_activation_bytes("float32").rows([row]) == ((4 * values,),)


class _Diamond(nn.Module):
    """Reads its input three times, the last time after two other results."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(2, 6, 1), nn.Conv2d(6, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.narrow(self.wide(x))
        return x * y + x


class _Sum(nn.Module):
    """Adds its input to a convolution of it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x)


def test_a_tensor_is_live_until_it_was_read_for_the_last_time() -> None:
    # x (2) + wide (6) + narrow (2); later only x, the product and the sum, of 2 each.
    operators = file_operators(_Diamond().to("meta"), (1, 2, 5, 5), TFLITE_RULES)
    assert peak_values(operators, 50, in_place=TFLITE_RULES.in_place) == 25 * 10


def test_a_runtime_that_works_not_in_place_needs_another_tensor() -> None:
    operators = file_operators(_Sum().to("meta"), (1, 2, 5, 5), TFLITE_RULES)
    assert peak_values(operators, 50, in_place={"ADD"}) == 50 * 2
    assert peak_values(operators, 50) == 50 * 3


def test_a_part_of_which_no_operator_is_known_is_an_error() -> None:
    with pytest.raises(TypeError, match="no operator of a file is known of Tanh"):
        file_operators(nn.Sequential(nn.Tanh()).to("meta"), (1, 2, 5, 5), TFLITE_RULES)


def test_the_original_space_at_its_worst_moment() -> None:
    """The 6 times widened tensor at 112 pixels, and its copy with a padding of 3 for a 7x7 convolution to 56."""
    space = imagenet_mbconv_space()
    assert max(map(max, peak_activation_bytes("int8").costs(space))) == 96 * 112 * 112 + 96 * 118 * 118
    # All nets have the depthwise convolution of 32 channels at 112 pixels.
    assert peak_activation_bytes("int8").fixed(space) == 2 * 32 * 112 * 112


@settings(max_examples=30)
@given(data=st.data())
def test_a_column_of_a_table_is_a_metric(data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    table = data.draw(latency_tables(space))
    energies = {entry.workload: float(index) for index, entry in enumerate(table.entries)}
    table = evolve(table, entries=tuple(evolve(e, columns={"energy_mj": energies[e.workload]}) for e in table.entries))
    net = space.architecture(data.draw(choices(space)))
    energy = table.metric("energy_mj")
    assert (energy.name, energy.unit) == ("energy_mj", "mj")
    assert energy.of(net) == sum(energies.get(workload, 0.0) for (workload,) in workloads(net))
    assert len(energy.costs(space)) == len(space.mixed)


@given(st.data())
def test_the_latency_is_a_metric(data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    table = data.draw(latency_tables(space))
    probs = [torch.full((len(row),), 1 / len(row), dtype=torch.float64) for row in space.mixed]
    expected = table.fixed_ms(space) + expected_cost(probs, table.costs(space))
    assert table.metric().expected(probs, space).item() == pytest.approx(expected.item())
    assert table.metric().unit == "ms"


def test_a_column_that_not_all_workloads_have_is_an_error_that_names_them() -> None:
    space = imagenet_mbconv_space()
    table = uniform_table(space)
    first, *others = table.entries
    table = evolve(table, entries=(first, *(evolve(entry, columns={"energy_mj": 1.0}) for entry in others)))
    with pytest.raises(MissingWorkloadsError, match="lacks energy_mj of 1 workloads: conv3 3->32 s2") as caught:
        table.metric("energy_mj").fixed(space)
    assert caught.value.missing == (first.workload,)


def test_refuses_a_column_that_is_not_finite_and_an_unknown_dtype() -> None:
    entry = uniform_table(imagenet_mbconv_space()).entries[0]
    with pytest.raises(ValueError, match=r"columns\['energy_mj'\] must be a number from .*, got nan"):
        evolve(entry, columns={"energy_mj": float("nan")})
    for metric in (weight_bytes, file_bytes, peak_activation_bytes):
        with pytest.raises(ValueError, match="dtype must be one of float32, int8, got 'int4'"):
            metric("int4")  # type: ignore[arg-type]
