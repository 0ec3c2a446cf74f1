"""What an exploration found."""

import io
import re
from itertools import permutations
from statistics import fmean

import numpy as np
import pytest
from attrs import evolve
from matplotlib.ticker import PercentFormatter
from rich.console import Console

from pnas_apps.exploring.entries import Entry, Group
from pnas_apps.exploring.outcome import Explored, JudgedNet, best_so_far, expected_best
from pnas_apps.exploring.page import effort_line, exploration_page, shown_passes
from pnas_apps.exploring.pictures import draw_exploration
from pnas_apps.exploring.progress import Shown
from pnas_apps.run.exploration_settings import ExplorationSettings
from pnas_latency import MACS, Limit
from pnas_ops import Judgement

VALUES = (0.5, 0.9, 0.3, 0.9, 0.6)


def net(number: int, value: float, *, macs: float = 1.0, group: Group = "searched") -> JudgedNet:
    return JudgedNet(
        number=number, group=group, choices=(number,), value=value, epochs=0.5, costs={"macs": macs, "parameters": 2.0}
    )


def explored(*nets: JudgedNet, aims: tuple[str, ...] = (), images: int | None = None) -> Explored:
    return Explored(strategy="evolution", judge="scratch", aims=aims, images=images, nets=nets)


def test_the_best_so_far_never_falls_and_its_effort_adds_up() -> None:
    nets = [net(number, value) for number, value in enumerate(VALUES)]
    assert best_so_far(nets) == [(0.5, 0.5), (1.0, 0.9), (1.5, 0.9), (2.0, 0.9), (2.5, 0.9)]


def test_the_expected_best_of_random_nets_is_the_mean_over_all_orders() -> None:
    expected = expected_best([net(number, value) for number, value in enumerate(VALUES)])
    for count, (effort, best) in enumerate(expected, start=1):
        assert effort == pytest.approx(0.5 * count)
        assert best == pytest.approx(fmean(max(order[:count]) for order in permutations(VALUES)))


def test_the_best_net_is_the_earliest_of_the_best_whoever_asked_for_it() -> None:
    groups: list[Group] = ["searched", "random", "searched", "searched", "searched"]
    pairs = enumerate(zip(VALUES, groups, strict=True))
    found = explored(*(net(number, value, group=group) for number, (value, group) in pairs))
    assert [one.number for one in found.ranked] == [1, 3, 4, 0, 2]
    assert (found.best.number, found.best.group) == (1, "random")


def test_no_net_of_the_front_is_beaten_in_all_aims_and_every_other_is() -> None:
    macs = (3.0, 4.0, 1.0, 5.0, 3.0)
    nets = [net(number, value, macs=cost) for number, (value, cost) in enumerate(zip(VALUES, macs, strict=True))]
    front = explored(*nets, aims=("macs",)).front
    assert [one.number for one in front] == [2, 4, 1]
    for one in nets:
        beaten = any(
            other.value >= one.value and other.costs["macs"] <= one.costs["macs"] and other != one for other in nets
        )
        assert beaten == (one not in front)


def test_a_net_that_both_have_asked_for_stands_once_in_the_ranking() -> None:
    first = net(0, 0.5)
    again = evolve(first, number=1, group="random")
    assert explored(first, again).ranked == (first,)


def printed(found: Explored, limit: Limit = Limit(metric=MACS, at_most=6e7)) -> str:  # noqa: B008
    text = io.StringIO()
    Console(file=text, width=100).print(exploration_page(found, value_name="accuracy", limits=[limit]))
    return text.getvalue()


def test_the_page_tells_what_it_took_and_claims_nothing_that_was_not_run() -> None:
    nets = [net(number, value) for number, value in enumerate(VALUES)]
    alone = printed(explored(*nets))
    assert "The best nets by accuracy, within macs of 60,000,000" in alone
    assert "evolution: 5 judged, 2.5 passes over the training images, best 90.0%" in alone
    assert "evolution: 2 judged, 1 pass over the training images" in printed(explored(*nets[:2]))
    assert "no random nets were judged: whether the strategy was worth its effort is not shown" in alone
    beside = printed(explored(*nets, net(5, 0.2, group="random")))
    assert "random nets: 1 judged, 0.5 passes over the training images, best 20.0%" in beside
    assert "one exploration of each: this does not show which is better in general" in beside
    assert "front" not in beside
    other = net(99, 0.2, group="random")
    for count, is_told in ((10, True), (11, False)):
        of_tpe = evolve(explored(*(net(number, 0.5) for number in range(count)), other), strategy="tpe")
        assert (
            "tpe has drawn all its nets at random so far: give more --nets" in " ".join(printed(of_tpe).split())
        ) == is_told
    timed = evolve(explored(evolve(nets[0], costs={"latency": 0.25})), judge="naswot")
    limit = Limit(metric=evolve(MACS, name="latency", unit="ms"), at_most=0.3)
    told = printed(timed, limit)
    assert "The best nets by accuracy, within latency of 0.3 ms" in told
    assert re.search(r" predicted ms *\n", told)
    looked_up = printed(evolve(explored(*nets), judge="table"))
    assert "evolution: 5 judged, worth 2.5 passes over the training images, best 90.00%" in looked_up
    assert "The Pareto front" in printed(explored(*nets, aims=("macs",)))


def test_a_value_is_told_with_its_standard_error() -> None:
    nets = [net(number, value) for number, value in enumerate((0.5, 0.9))]
    told = printed(explored(*nets, images=400))
    assert "± is the standard error of a value" in told
    assert re.search(r" 50\.0% +2\.5% ", told)
    assert re.search(r" 90\.0% +1\.5% ", told)
    assert ", best 90.0%" in told
    said: list[str | None] = []
    entry = Entry(
        number=3,
        group="random",
        choices=(0,),
        state="judged",
        worker="",
        asking_epochs=0.0,
        judgement=Judgement(value=0.3917),
    )
    Shown(lambda *_, text, unit: said.append(text), 2, "scratch").entries([entry])
    assert said == ["best 39.2%, net 3"]
    assert "±" not in printed(explored(*nets))


def test_what_judging_takes_is_told_as_finely_as_it_is_known() -> None:
    settings = ExplorationSettings(strategy="random", nets=40, random_nets=0)
    line = effort_line(settings, 1.1333, 900)
    assert (
        "on 900 held-out images (a value of 50% has a standard error of 1.7%): 1.13 passes over the training images"
        in line
    )
    assert "each, 45 in all (evaluating without training counts as a third of a pass)" in line
    few = evolve(settings, nets=5)
    for passes, told in ((1.2333, "1.23"), (1.24, "1.24"), (2.0, "2"), (1 / 3, "0.33"), (45.2, "45.2")):
        found = re.search(r": (\S+) passes over the training images each, (\S+) in all", effort_line(few, passes, 900))
        assert found is not None
        assert found[1] == told
        assert shown_passes(5 * float(found[1])) == found[2] == shown_passes(5 * passes)
    assert effort_line(evolve(settings, judge="synflow"), None, None).endswith("40 nets by random, judged by synflow")
    assert [*map(shown_passes, (1 / 3, 2.5, 9.94, 10.4, 12345.6))] == ["0.33", "2.5", "9.9", "10", "12,346"]


def test_the_picture_has_a_curve_of_each_and_the_front() -> None:
    nets = [*(net(number, value) for number, value in enumerate(VALUES)), net(5, 0.2, group="random")]
    best, front = draw_exploration(explored(*nets, aims=("macs",)), value_name="accuracy").axes
    curves = {line.get_label(): [float(value) for value in np.asarray(line.get_ydata())] for line in best.lines}
    assert curves == {
        "evolution, best so far": [0.5, 0.9, 0.9, 0.9, 0.9],
        "random search, best so far: mean over all orders of its 1 net": [0.2],
    }
    assert [panel.yaxis.get_major_formatter()(0.75) for panel in (best, front)] == ["75%", "75%"]
    (proxy,) = draw_exploration(explored(net(0, 0.5), net(1, 75.0)), value_name="synflow").axes
    assert not isinstance(proxy.yaxis.get_major_formatter(), PercentFormatter)
    assert (best.get_xlabel(), front.get_xlabel()) == ("passes over the training images", "MACs, millions")
    assert {float(macs) for macs in np.asarray(front.lines[0].get_xdata())} == {1e-6}
    searched = [evolve(net, epochs=0.0 if net.number else 1.8) for net in nets]
    (untrained,) = draw_exploration(explored(*searched), value_name="synflow").axes
    assert untrained.get_xlabel() == "nets judged"
    assert [float(number) for number in np.asarray(untrained.lines[0].get_xdata())] == [1, 2, 3, 4, 5]
    (alone,) = draw_exploration(explored(*nets[:5]), value_name="accuracy").axes
    assert len(alone.lines) == 1
    assert alone.get_title(loc="left") == "best accuracy; dots: each net (1 of 5 nets is below the picture)"
    assert sum(net.value < alone.get_ylim()[0] for net in nets[:5]) == 1
    poor = [net(number, 0.1 * number, group="random") for number in range(3)]
    (beside,) = draw_exploration(
        explored(*(net(number, 0.9) for number in range(9)), *poor), value_name="accuracy"
    ).axes
    assert beside.get_ylim()[0] < 0.1  # where the curve of the random ones begins
    (whole,) = draw_exploration(explored(*nets[:3]), value_name="accuracy").axes
    assert whole.get_title(loc="left") == "best accuracy; dots: each net"
    assert whole.get_ylim()[0] <= min(net.value for net in nets[:3])
