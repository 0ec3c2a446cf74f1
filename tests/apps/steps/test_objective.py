"""From a run's options to how alpha learns, and what rewards cost."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from torch import nn
from torch.nn.functional import cross_entropy

from pnas_apps.run.objective_config import ObjectiveConfig
from pnas_apps.steps.objective import average_ms, make_arch_step, objective_line
from pnas_apps.steps.rewards import file_bytes, make_cost, measured_ms
from pnas_export import export_tflite
from pnas_latency import (
    AbsolutePenalty,
    Budget,
    Constraint,
    ExpectedObjective,
    LinearPenalty,
    MultiplicativeLog,
    peak_activation_bytes,
)
from pnas_ops import Architecture, architecture_macs, build_network, digits_mbconv_space
from pnas_supernet import ArchStep, Execution, GateStep, ReinforceStep, SearchConfig, SuperNet, alpha_parameters
from tables import measurement, uniform_table

SPACE = evolve(digits_mbconv_space(0.5, classes=3, resolution=8), candidates=digits_mbconv_space().candidates[::3])
TABLE = uniform_table(SPACE, 0.25)
CONFIG = ObjectiveConfig(
    form="constrained",
    weight=0.3,
    log_unit_ms=0.001,
    multiplier_rate=0.05,
    damping=2.0,
    tightening=0.5,
    samples=4,
    reward_cost="table",
    file_bytes=1e5,
)


def make(config: ObjectiveConfig, budget: Budget, cost: Any = TABLE.predict_ms, *, gate: str = "exact") -> ArchStep:
    search = SearchConfig(epochs=3, gate=gate)  # type: ignore[arg-type]
    return make_arch_step(SPACE, TABLE, search, config, budget, cost, steps=40)


def terms(step: ArchStep) -> list[Any]:
    assert isinstance(step, GateStep)
    assert isinstance(step.objective, ExpectedObjective)
    return [term for _, term in step.objective.terms]


@pytest.mark.parametrize(
    ("form", "target_ms", "expected"),
    [
        ("constrained", 1.5, Constraint(at_most=1.5, rate=0.05, damping=2.0, tightening=20)),
        ("constrained", None, LinearPenalty(weight=0.3, reference=average_ms(SPACE, TABLE))),
        ("linear", 1.5, LinearPenalty(weight=0.3, reference=1.5)),
        ("absolute", 1.5, AbsolutePenalty(weight=0.3, target=1.5)),
        ("mul-log", 1.5, MultiplicativeLog(reference=1.5, unit=0.001)),
    ],
)
def test_the_form_of_the_latency(form: Any, target_ms: float | None, expected: object) -> None:
    assert terms(make(evolve(CONFIG, form=form), Budget(latency_ms=target_ms))) == [expected]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (
            "constrained",
            r" \+ 0\.3 \* \(latency / {ms} - 1\), within macs of 5,000,000 and parameters of 9;",
        ),
        ("linear", r"seeks the lowest loss \+ 0\.3 \* \(latency / {ms} - 1\), within"),
        ("absolute", r"seeks the lowest loss \+ 0\.3 \* \|latency / {ms} - 1\|, within"),
        ("mul-log", r"seeks the lowest loss times a power of log\(latency\) / log\({ms}\), within"),
        ("reinforce", r"seeks the highest rewards for a good score at a low cost, within"),
    ],
)
def test_what_is_sought_without_a_target_is_said(form: Any, expected: str) -> None:
    told = objective_line(evolve(CONFIG, form=form), SPACE, TABLE, Budget(macs=5e6, parameters=9))
    average = f"{average_ms(SPACE, TABLE):.4g} ms"
    assert re.search(expected.replace("{ms}", re.escape(average)), told), told
    assert told.endswith(f"; {average} is the latency of the average net")


def test_every_other_limit_is_a_constraint_whatever_the_form() -> None:
    budget = Budget(macs=1e5, parameters=2e4, weight_bytes=3e4, peak_activation_bytes=4e3)
    found = terms(make(evolve(CONFIG, form="linear"), budget))
    assert [type(term) for term in found] == [LinearPenalty] + [Constraint] * 4
    assert [term.at_most for term in found[1:]] == [1e5, 2e4, 3e4, 4e3]


def test_bytes_are_those_of_the_dtype_of_the_device() -> None:
    budget = Budget(peak_activation_bytes=1.0)
    for dtype in ("float32", "int8"):
        table = evolve(TABLE, device=evolve(TABLE.device, dtype=dtype))
        (limit,) = budget.counts(table)
        net = SPACE.architecture([0] * len(SPACE.mixed))
        assert limit.metric.of(net) == peak_activation_bytes(dtype).of(net)


def test_the_average_is_that_of_all_nets() -> None:
    row_means = [sum(row) / len(row) for row in TABLE.costs(SPACE)]
    assert average_ms(SPACE, TABLE) == pytest.approx(TABLE.fixed_ms(SPACE) + sum(row_means))


class CountingDevice:
    """Takes a millisecond for a million multiply-accumulates; nothing here has a table."""

    info = TABLE.device

    def __init__(self) -> None:
        self.measured: list[Architecture] = []

    def measure(
        self, rows: Sequence[Any], *, nets: Sequence[Architecture] = (), progress: Any = None
    ) -> Iterator[tuple[Architecture, Any]]:
        self.measured += nets
        return iter([(net, measurement(architecture_macs(net) / 1e6, 0.5)) for net in nets])


def test_rewards_by_whole_nets_that_are_measured_once_each() -> None:
    device = CountingDevice()
    cost = make_cost("measured", SPACE, TABLE, device, conversions=None, log=None)
    net = SPACE.architecture([0] * len(SPACE.mixed))
    assert cost(net) == measured_ms(device, TABLE)(net) == pytest.approx(architecture_macs(net) / 1e6 + 0.5)
    step = make(evolve(CONFIG, form="reinforce", reward_cost="measured"), Budget(latency_ms=0.6), cost)
    assert isinstance(step, ReinforceStep)
    assert step.samples == 4
    device.measured.clear()
    supernet = SuperNet(SPACE, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    before = [alpha.detach().clone() for alpha in alpha_parameters(supernet)]
    for _ in range(5):
        step(
            supernet,
            torch.randn(8, 1, 8, 8, generator=generator),
            torch.randint(3, (8,), generator=generator),
            loss=cross_entropy,
            optimizer=torch.optim.Adam(alpha_parameters(supernet), lr=0.05),
            generator=generator,
            execution=Execution(),
        )
    assert 1 < len(device.measured) == len(set(device.measured)) <= 20
    assert any(not torch.equal(*pair) for pair in zip(before, alpha_parameters(supernet), strict=True))


@pytest.mark.parametrize(("reward_cost", "reference"), [("table", 2.0), ("file-bytes", 1e5)])
def test_the_reward_is_that_of_mnasnet(reward_cost: Any, reference: float) -> None:
    step = make(
        evolve(CONFIG, form="reinforce", reward_cost=reward_cost), Budget(latency_ms=2.0), lambda net: 3 * reference
    )
    assert isinstance(step, ReinforceStep)
    assert step.reward(0.8, [0] * len(SPACE.mixed)) == pytest.approx(0.8 * 3**-0.07)


@pytest.mark.slow
def test_the_size_of_a_file_is_that_of_the_exported_one(tmp_path: Path) -> None:
    stage = evolve(SPACE.stages[0], depth=1)
    small = evolve(SPACE, stages=(stage,), head=evolve(SPACE.head, in_channels=stage.width))
    cost = file_bytes(small, conversions=None, log=None)
    for choice in range(len(small.mixed[0])):
        net = small.architecture([choice])
        network = build_network(net)
        for part in network.modules():
            if isinstance(part, nn.BatchNorm2d):
                nn.init.uniform_(part.bias)  # as after a training: a shift by 0 is not written
        export_tflite(network, (1, 1, 8, 8), tmp_path / "net.tflite")
        # The names of tensors are longer there.
        assert 0 <= (tmp_path / "net.tflite").stat().st_size - cost(net) < 2000
