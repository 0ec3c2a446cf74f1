"""The last choice of a search by inherited weights, with gates and with One-Shot."""

import itertools
import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import mean
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from attrs import evolve

from bits import bits
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_set import ImageSet
from pnas_apps.images.source import ImageSource
from pnas_apps.run.preset import ImagePreset
from pnas_apps.run.run import Run
from pnas_apps.steps.choice_by_weights import ChoiceByWeights, random_nets
from pnas_apps.steps.land import land, land_run
from pnas_apps.steps.mixture_memory import mixture_memory_line
from pnas_apps.steps.reference_nets import biggest
from pnas_apps.steps.search import search
from pnas_apps.steps.search_images import split_search_images
from pnas_apps.steps.supernet_search import run_search
from pnas_apps.steps.table import Tabled
from pnas_latency import MACS, Budget, Device, fitted_probs
from pnas_ops import (
    Choices,
    Judgement,
    SearchSpace,
    Trial,
)
from pnas_supernet import InheritedWeights, SuperNet, mixed_ops
from small_runs import small_preset, small_run, small_space, small_table

MakeRun = Callable[..., Run]


@pytest.fixture
def space() -> SearchSpace:
    return small_space()


@pytest.fixture
def preset() -> ImagePreset:
    return small_preset()


@pytest.fixture
def make_run(tmp_path: Path, image_set: ImageSet, reporter: Reporter) -> MakeRun:
    """Runs that differ by their folders, and by what the test changes."""
    return lambda name, *, preset: small_run(tmp_path / name, image_set, reporter, preset=preset)


@pytest.fixture
def tabled(space: SearchSpace) -> Tabled:
    """A table whose device is not here, so that nothing is measured."""
    table = small_table(space)
    info = evolve(table.device, device="elsewhere")
    return Tabled(device=cast(Device, SimpleNamespace(info=info)), table=table)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[Choices]:
    """The nets whose inherited weights are judged, in order; how good they are depends on their choices."""
    nets: list[Choices] = []

    def judge(self: InheritedWeights[Any], net: object, generator: torch.Generator) -> Judgement:
        nets.append(self.supernet.space.choices(net))
        return Judgement(value=_value(nets[-1]))

    monkeypatch.setattr(InheritedWeights, "judge", judge)
    return nets


def chooser(run: Run, supernet: SuperNet) -> ChoiceByWeights:
    nets = random_nets(run, supernet)
    return ChoiceByWeights(nets=nets, shared=partial(map, nets.value), one_shot=False)


def _value(choices: Choices) -> float:
    return float(torch.rand((), generator=torch.Generator().manual_seed(hash(choices) % 2**40)))


def test_the_search_lands_on_the_best_by_a_fit_of_random_nets_within_the_budget(
    make_run: MakeRun, space: SearchSpace, preset: ImagePreset, tabled: Tabled, judged: list[Choices]
) -> None:
    run = make_run("run", preset=evolve(preset, judged_nets=7))
    supernet = SuperNet(space, generator=run.generator("supernet"))
    ways = [*itertools.product(*map(range, space.options))]
    # Gates that are undecided cost as much as that on average, and so a net is to make use of it.
    at_most = mean(MACS.of(space.architecture(one)) for one in ways)
    found = land_run(evolve(run, budget=Budget(macs=at_most)), tabled, supernet).result.architecture
    fitting = [one for one in ways if 0.9 * at_most <= MACS.of(space.architecture(one)) <= at_most]
    assert len(judged) == len({*judged}) == 7
    assert {*judged} < {*fitting}
    probs = fitted_probs(space.options, [Trial(choices=one, value=_value(one)) for one in judged])

    def probability(one: Choices) -> float:
        return math.prod(float(row[option]) for row, option in zip(probs, one, strict=True))

    assert space.choices(found) == max(fitting, key=probability)
    assert found.name == "searched"


def test_nets_are_judged_once_for_all_attempts_of_a_landing_and_told(
    make_run: MakeRun,
    space: SearchSpace,
    preset: ImagePreset,
    tabled: Tabled,
    judged: list[Choices],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = make_run("run", preset=evolve(preset, judged_nets=5))
    supernet = SuperNet(space, generator=run.generator("supernet"))
    slower = evolve(tabled, device=cast(Device, SimpleNamespace(info=tabled.table.device)))
    target_ms = 0.8 * tabled.table.predict_ms(biggest(space))
    lines: list[str] = []
    monkeypatch.setattr(Reporter, "line", lambda self, text: lines.append(text))
    landing = land(
        supernet,
        space,
        slower.table,
        Budget(latency_ms=target_ms),
        lambda net: 1.2 * slower.table.predict_ms(net),
        folder=run.folder,
        reporter=run.reporter,
        choose=chooser(run, supernet),
    )
    assert len(landing.attempts) > 1
    assert len(judged) == len({*judged}) == 5
    _, held_out = split_search_images(run.task.train, run.preset, run.generator)
    values = sorted(map(_value, judged))
    right = f"{values[0]:.1%} to {values[-1]:.1%} accuracy on {len(held_out)} held-out images"
    assert [line for line in lines if "random nets" in line] == [f"  5 random nets near the limits have {right}"]


def test_judged_nets_that_differ_by_chance_are_said_to_leave_a_guess(
    make_run: MakeRun, space: SearchSpace, preset: ImagePreset
) -> None:
    run = make_run("run", preset=preset)
    told = random_nets(run, SuperNet(space, generator=run.generator("supernet"))).told
    assert told([0.4, 0.5, 0.6]).endswith(
        "held-out images, no further apart than equal nets by chance: the choice is a guess until there are more images"
    )
    assert told([0.0, 0.5, 1.0]).endswith("held-out images")


def test_a_single_net_is_better_than_none_and_leaves_the_most_probable_net(
    make_run: MakeRun,
    space: SearchSpace,
    preset: ImagePreset,
    judged: list[Choices],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = make_run("run", preset=evolve(preset, judged_nets=1))
    lines: list[str] = []
    monkeypatch.setattr(Reporter, "line", lambda self, text: lines.append(text))
    choose = chooser(run, SuperNet(space, generator=run.generator("supernet")))
    for number in (0, 1):
        wanted = [number % count for count in space.options]
        probs = [
            torch.eye(count)[option] * 0.5 + 0.5 / count for option, count in zip(wanted, space.options, strict=True)
        ]
        assert space.choices(choose(probs, [])) == tuple(wanted)
    assert len(judged) == 1
    _, held_out = split_search_images(run.task.train, run.preset, run.generator)
    said = f"  1 random net near the limits has {_value(judged[0]):.1%} accuracy on {len(held_out)} held-out images"
    assert {line for line in lines if "random net" in line} == {said}


@pytest.mark.parametrize("deterministic", [True, False])
def test_nets_are_judged_as_deterministically_as_all_else(
    make_run: MakeRun, preset: ImagePreset, deterministic: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = evolve(make_run("run", preset=evolve(preset, judged_nets=1)), deterministic=deterministic)
    seen: list[bool] = []

    def judge(self: InheritedWeights[Any], net: object, generator: torch.Generator) -> Judgement:
        seen.append(torch.are_deterministic_algorithms_enabled())
        return Judgement(value=0.5)

    monkeypatch.setattr(InheritedWeights, "judge", judge)
    supernet = SuperNet(run.task.space, generator=run.generator("supernet"))
    random_nets(run, supernet).value((0,) * len(run.task.space.options))
    assert seen == [deterministic]


@pytest.mark.parametrize(
    ("judged_nets", "value", "is_told"), [(0, None, True), (5, None, False), (5, 0.5, True), (1, None, True)]
)
def test_undecided_gates_are_told_where_they_chose_and_not_judged_nets(
    make_run: MakeRun,
    preset: ImagePreset,
    tabled: Tabled,
    judged: list[Choices],
    monkeypatch: pytest.MonkeyPatch,
    judged_nets: int,
    value: float | None,
    is_told: bool,
) -> None:
    """Judged nets choose as soon as two of them differ."""
    if value is not None:
        monkeypatch.setattr(InheritedWeights, "judge", lambda *_: Judgement(value=value))
    run = make_run("run", preset=evolve(preset, judged_nets=judged_nets, search=evolve(preset.search, alpha_lr=1e-9)))
    for _ in ("searched", "opened again"):
        remarks = search(run, tabled).remarks
        assert any("The gates stayed undecided" in line for line in remarks) == is_told


def test_one_shot_lands_on_the_best_of_random_nets_within_the_budget(
    make_run: MakeRun, space: SearchSpace, preset: ImagePreset, tabled: Tabled, judged: list[Choices]
) -> None:
    one_shot = evolve(preset, judged_nets=9, search=evolve(preset.search, gate="one-shot"))
    macs = 0.7 * MACS.of(biggest(space))
    run = evolve(make_run("run", preset=one_shot), budget=Budget(macs=macs))
    supernet, history = run_search(run, tabled.table, tabled.table.predict_ms)
    assert [record.phase for record in history] == ["warm-up"] * 3
    found = land_run(run, tabled, supernet).result.architecture
    assert len(judged) == len({*judged}) == 9
    assert all(MACS.of(space.architecture(one)) <= macs for one in judged)
    assert space.choices(found) == max(judged, key=_value)
    # With as many as there are, all of them.
    every = make_run("every", preset=evolve(one_shot, judged_nets=10_000))
    judged.clear()
    land_run(every, tabled, supernet)
    assert len(judged) == len({*judged}) == space.size()


def test_the_last_choice_sees_no_test_image_and_no_image_that_the_weights_learnt_on_judges(
    make_run: MakeRun, space: SearchSpace, preset: ImagePreset, tabled: Tabled, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("run", preset=evolve(preset, judged_nets=2))
    run = evolve(run, task=evolve(run.task, test=cast(ImageSource, range(9))))  # of which nothing can be asked
    made: list[InheritedWeights[Any]] = []
    judge = InheritedWeights.judge

    def watched(self: InheritedWeights[Any], net: object, generator: torch.Generator) -> Judgement:
        made.append(self)
        return judge(self, net, generator)

    monkeypatch.setattr(InheritedWeights, "judge", watched)
    land_run(run, tabled, SuperNet(space, generator=run.generator("supernet")))
    weights, held_out = split_search_images(run.task.train, run.preset, run.generator)

    def pixels(batches: Any) -> set[bytes]:
        return {image.contiguous().numpy().tobytes() for images, _ in batches for image in images}

    for batches, source, all_of_them in [(made[0].statistics, weights, False), (made[0].validation, held_out, True)]:
        theirs = pixels(run.ordered_batches(source))
        assert pixels(batches) <= theirs
        assert not all_of_them or pixels(batches) == theirs
    assert pixels(made[0].statistics).isdisjoint(pixels(made[0].validation))


def test_the_mixture_tells_what_it_keeps_in_memory(space: SearchSpace) -> None:
    supernet = SuperNet(space, generator=torch.Generator().manual_seed(0))
    before = bits(supernet.state_dict())
    images = torch.randn(8, 1, 8, 8)
    told = mixture_memory_line(supernet, images)
    assert bits(supernet.state_dict()) == before
    found = re.search(r"for a batch of 8 images it keeps (\d+) MB for the backward pass, (\d+\.\d) times", told)
    assert found is not None
    counts = [len(op.candidates) for op in mixed_ops(supernet)]
    assert 1.2 < float(found[2]) < max(counts) + 1
