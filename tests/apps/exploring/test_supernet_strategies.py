"""Gates, DARTS and One-Shot as strategies of an exploration."""

import io
import math
from collections.abc import Callable
from itertools import islice, product
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
import torch
from attrs import evolve
from click.testing import CliRunner
from rich.console import Console

from pnas_apps.exploring.supernet_strategies import supernet_strategy
from pnas_apps.ground.progress import PhasesReporter, Reporter
from pnas_apps.images.image_set import ImageSet
from pnas_apps.run.run import Run
from pnas_apps.steps.search_images import split_search_images
from pnas_apps.steps.weights_judge import WeightsJudge
from pnas_cifar10.cli import main
from pnas_latency import MACS, Limit, fitted_probs, most_probable_near_limit
from pnas_ops import Choices, Judgement, Strategy, Trial
from pnas_supernet import InheritedWeights, mixed_ops
from small_runs import small_preset, small_run, small_space

SPACE = small_space()
LIMIT = Limit(metric=MACS, at_most=0.6 * MACS.of(MACS.dearest(SPACE)))
NETS = [*product(*map(range, SPACE.options))]
Make = Callable[[str], Run]


@pytest.fixture
def make_run(tmp_path: Path, image_set: ImageSet, reporter: Reporter) -> Make:
    preset = small_preset()
    preset = evolve(preset, judged_nets=6, search=evolve(preset.search, arch_interval=1))

    def make(name: str) -> Run:
        (tmp_path / name).mkdir(exist_ok=True)
        return small_run(tmp_path / name, image_set, reporter, preset=preset)

    return make


def asked(strategy: Strategy, count: int) -> list[Choices]:
    found: list[Choices] = []
    for _ in range(count):
        choices = strategy.ask(torch.Generator(), taken=found)
        if choices is None:
            break
        found.append(choices)
        strategy.tell(Trial(choices=choices, value=0.0))
    return found


@pytest.mark.parametrize("name", ["gates", "darts"])
def test_gates_and_darts_give_the_most_probable_nets_that_make_use_of_the_limits(make_run: Make, name: str) -> None:
    run = make_run("run")
    run = evolve(run, preset=evolve(run.preset, judged_nets=0))
    strategy = supernet_strategy(name, run, [LIMIT])
    assert strategy.search.config.gate == {"gates": "exact", "darts": "darts"}[name]
    assert strategy.epochs == 0
    found = asked(strategy, 5)
    probs = [op.probs.detach() for op in mixed_ops(strategy.supernet.network)]
    assert all(row.std() > 0.01 for row in probs)  # alpha has learnt
    expected = islice(most_probable_near_limit(probs, SPACE, [LIMIT]), 5)
    assert found == [SPACE.choices(net) for net in expected]
    # Three epochs of whole batches, and an architecture step after each in two of them.
    steps = len(run.training_batches(run.preset.hold_out(run.task.train, run.generator("split"))[0]))
    assert strategy.epochs == pytest.approx((3 + 2) * steps * 8 / len(run.task.train))
    again = supernet_strategy(name, run, [LIMIT])
    assert again.epochs == strategy.epochs  # nothing is left to be done
    assert asked(again, 5) == found


def test_gates_whose_nets_are_judged_give_the_best_by_a_fit_first_those_that_make_use_of_the_limits(
    make_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("run")
    judged: list[Choices] = []

    def value(choices: Choices) -> float:
        return math.sin(sum(7**place * option for place, option in enumerate(choices)))

    def judge(self: InheritedWeights[Any], net: object, generator: torch.Generator) -> Judgement:
        judged.append(self.supernet.space.choices(net))
        return Judgement(value=value(judged[-1]))

    monkeypatch.setattr(InheritedWeights, "judge", judge)
    limit = evolve(LIMIT, at_most=mean(MACS.of(net) for net in map(SPACE.architecture, NETS)))
    strategy = supernet_strategy("gates", run, [limit])
    found = asked(strategy, 500)
    within = [one for one in NETS if MACS.of(SPACE.architecture(one)) <= limit.at_most]
    near = [one for one in within if MACS.of(SPACE.architecture(one)) >= 0.9 * limit.at_most]
    assert len(judged) == len({*judged}) == 6
    assert {*judged} <= {*near}
    probs = fitted_probs(SPACE.options, [Trial(choices=one, value=value(one)) for one in judged])

    def order(one: Choices) -> tuple[bool, float]:
        return one not in near, -math.prod(float(row[option]) for row, option in zip(probs, one, strict=True))

    assert found == sorted(within, key=order)
    steps = len(run.training_batches(run.preset.hold_out(run.task.train, run.generator("split"))[0]))
    assert strategy.epochs > (3 + 2) * steps * 8 / len(run.task.train)  # judging counts, too


def test_gates_whose_judged_nets_are_all_alike_give_the_most_probable_ones(
    make_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InheritedWeights, "judge", lambda *_: Judgement(value=0.5))
    strategy = supernet_strategy("gates", make_run("run"), [LIMIT])
    found = asked(strategy, 5)
    probs = [op.probs.detach() for op in mixed_ops(strategy.supernet.network)]
    assert found == [SPACE.choices(net) for net in islice(most_probable_near_limit(probs, SPACE, [LIMIT]), 5)]


def test_the_search_of_a_supernet_is_shown_with_what_it_takes(make_run: Make) -> None:
    run, text = make_run("run"), io.StringIO()
    console = Console(file=text, width=200)
    with Reporter(console).phases() as update:
        update("judging", 0, 6, unit="nets")
        strategy = supernet_strategy("darts", evolve(run, reporter=PhasesReporter(console, update)), [LIMIT])
        assert strategy.ask(torch.Generator()) is not None
    told = text.getvalue().splitlines()
    assert told[0] == f"  the supernet of darts takes {strategy.epochs:.2g} passes over the training images"
    config = run.preset.search
    weights, _ = split_search_images(run.task.train, run.preset, run.generator)
    steps = len(run.training_batches(weights)) * (config.warmup_epochs + config.epochs)
    # As a phase beside the other one, at whose end both are told.
    ended = [line.partition(" in ")[0].strip() for line in told if " after " not in line]
    assert ended[1:3] == ["judging: 0 of 6 nets", f"searching: {steps} of {steps} steps"]
    again = supernet_strategy("darts", evolve(run, reporter=Reporter(console)), [LIMIT])
    assert again.ask(torch.Generator()) is not None
    assert "searching" not in "".join(text.getvalue().splitlines()[len(told) :])


def test_one_shot_gives_random_nets_within_the_limits_the_best_by_their_weights_first(make_run: Make) -> None:
    run = make_run("run")
    strategy = supernet_strategy("one-shot", run, [LIMIT])
    found = asked(strategy, 99)
    assert len(found) == len({*found}) == 6
    assert all(MACS.of(SPACE.architecture(choices)) <= LIMIT.at_most for choices in found)
    judge = WeightsJudge(run=run, supernet=strategy.supernet)  # type: ignore[arg-type]
    values = [judge.judge(SPACE.architecture(choices), torch.Generator()).value for choices in found]
    assert values == sorted(values, reverse=True)
    alphas = [op.alpha for op in mixed_ops(strategy.supernet.network)]
    assert all(alpha.abs().max() < 0.01 for alpha in alphas)  # as they were at first
    ways = product(*map(range, SPACE.options))
    assert {*found} != {*islice((one for one in ways if MACS.of(SPACE.architecture(one)) <= LIMIT.at_most), 6)}


def test_several_workers_are_refused_before_anything_is_done(tmp_path: Path) -> None:
    options = ["--data-dir", str(tmp_path), "--strategy", "gates", "--workers", "2"]
    result = CliRunner().invoke(main, ["explore", *options])
    assert result.exit_code == 1
    assert "strategy gates trains one supernet in one process: give --workers 1" in result.output
