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
    peak_activation_bytes,
    weight_bytes,
)
from pnas_latency.metrics.liveness import peak_values
from pnas_ops import (
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
    Workload,
    ZeroSpec,
    architecture_macs,
    architecture_parameters,
    build_network,
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


@settings(max_examples=30)
@given(architectures())
def test_weight_bytes_are_those_of_the_net_with_batchnorm_folded_in(net: Architecture) -> None:
    network = build_network(net)
    # Every BatchNorm becomes the bias of its convolution.
    norms = sum(m.num_features for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    weights = sum(prod(m.weight.shape) for m in layers)
    biases = norms + sum(m.bias.numel() for m in layers if m.bias is not None)
    assert weight_bytes("float32").of(net) == 4 * (weights + biases)
    assert weight_bytes("float16").of(net) == 2 * (weights + biases)
    assert weight_bytes("int8").of(net) == weights + 4 * biases


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@settings(max_examples=30)
@given(data=st.data())
def test_a_net_costs_its_fixed_and_its_chosen_parts(metric: Metric, data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    chosen = data.draw(choices(space))
    parts = [row[i] for row, i in zip(metric.costs(space), chosen, strict=True)]
    combined = max(metric.fixed(space), *parts) if metric.combine == "max" else metric.fixed(space) + sum(parts)
    assert metric.of(space.architecture(chosen)) == combined


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@settings(max_examples=15)
@given(data=st.data())
def test_expects_the_mean_over_all_nets(metric: Metric, data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    alphas = data.draw(st.tuples(*(st.lists(st.floats(-3, 3), min_size=len(r), max_size=len(r)) for r in space.mixed)))
    probs = [torch.tensor(alpha, dtype=torch.float64).softmax(0) for alpha in alphas]
    enumerated = sum(
        prod(p[i].item() for p, i in zip(probs, chosen, strict=True)) * metric.of(space.architecture(chosen))
        for chosen in product(*(range(len(blocks)) for blocks in space.mixed))
    )
    assert metric.expected(probs, space).item() == pytest.approx(enumerated, rel=1e-9)


# For an input of 8 channels of 6 x 6 = 36 values each, as a person would lay the tensors out.
PEAKS = [
    (BlockSpec(op=ConvSpec(kernel_size=3), in_channels=8, out_channels=16), 36 * (8 + 16)),
    (BlockSpec(op=ConvSpec(kernel_size=3), in_channels=8, out_channels=16, stride=2), 36 * 8 + 9 * 16),
    # The input waits for the sum: it and the input and output of each convolution.
    (BlockSpec(op=ConvSpec(kernel_size=3), in_channels=8, out_channels=8, residual=True), 36 * (8 + 8)),
    (BlockSpec(op=MBConvSpec(kernel_size=3, expansion=3), in_channels=8, out_channels=8), 36 * (24 + 24)),
    (
        BlockSpec(op=MBConvSpec(kernel_size=3, expansion=3), in_channels=8, out_channels=8, residual=True),
        36 * (8 + 24 + 24),
    ),
    (BlockSpec(op=MBConvSpec(kernel_size=3, expansion=3), in_channels=8, out_channels=8, stride=2), 36 * (8 + 24)),
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
    assert peak_activation_bytes("float16").rows([row]) == ((2 * values,),)


class _Diamond(nn.Module):
    """Reads its input three times, the last time after two other results."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(2, 6, 1), nn.Conv2d(6, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.narrow(self.wide(x))
        return x * y + x


def test_a_tensor_is_live_until_it_was_read_for_the_last_time() -> None:
    # x (2) + wide (6) + narrow (2); later only x, the product and the sum, of 2 each.
    assert peak_values(_Diamond().to("meta"), (1, 2, 5, 5)) == 25 * 10


def test_the_original_space_at_its_worst_moment() -> None:
    """Between the 6 times widened tensor at 112 pixels and its depthwise convolution to 56."""
    space = imagenet_mbconv_space()
    assert max(map(max, peak_activation_bytes("int8").costs(space))) == 96 * 112 * 112 + 96 * 56 * 56
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
    with pytest.raises(ValueError, match=r"columns\['energy_mj'\] must be finite, got nan"):
        evolve(entry, columns={"energy_mj": float("nan")})
    for metric in (weight_bytes, peak_activation_bytes):
        with pytest.raises(ValueError, match="dtype must be one of float32, float16, int8, got 'int4'"):
            metric("int4")  # type: ignore[arg-type]
