"""Judging a net by what a predictor has learned of the nets of another exploration."""

from math import sqrt
from operator import ge
from pathlib import Path

from pnas_apps.exploring.outcome import Explored, JudgedNet
from pnas_apps.ground.errors import UserError
from pnas_apps.run.run import Run
from pnas_latency import MACS, PARAMETERS
from pnas_ops import AccuracyPredictor, AnySpace, Choices, PnasError, Trial, counted, fit_predictor, load_json

_WAY_OUT = "name the explored.json of an exploration with --accuracies"
_LEAST_NETS = 10
"""Of which eight are learned from, and two say how well."""


def predictor_judge(path: Path, run: Run) -> AccuracyPredictor:
    """A judge that guesses what the judge of another exploration would say.

    Args:
        path: the explored.json of that one.
        run: with the same space.

    Raises:
        UserError: for a file that is none, of nets of another space, or of too few.
    """
    nets, space = read_nets(path), run.task.space
    if not all(_is_of(space, net) for net in nets.values()):
        raise UserError(f"{path} is of nets of another space than {space.name!r}: {_WAY_OUT} on the same one")
    trials = [Trial(choices=net.choices, value=net.value) for net in nets.values()]
    return fit_predictor(space, trials, run.generator("predictor"))


def read_nets(path: Path) -> dict[Choices, JudgedNet]:
    """The nets of another exploration, enough of them to learn from.

    Raises:
        UserError: for a file that is none, or of too few.
    """
    try:
        nets = {net.choices: net for net in load_json(path, Explored).nets}
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): {_WAY_OUT}") from None
    except PnasError as error:
        raise UserError(f"{path} is not an exploration ({error.what.removeprefix(f'{path}: ')}): {_WAY_OUT}") from None
    if len(nets) < _LEAST_NETS:
        raise UserError(
            f"{path} has {counted(len(nets), 'net')}, too few for a predictor: continue that exploration with more "
            "--nets"
        )
    return nets


def predictor_line(judge: AccuracyPredictor) -> str:
    """How much a predictor has learned from, how well it ranks what it has not, and whether that says anything."""
    known = judge.rank_correlation
    told = "is unknown, since they are all equal" if known is None else f"is {known:.2f}"
    line = (
        f"  the predictor has learned from {judge.learned} nets; its rank correlation on {judge.held_out} held-out "
        f"ones {told}"
    )
    # The standard error of a rank correlation where there is none.
    if known is None or known < 2 / sqrt(judge.held_out - 1):
        line += ": it is not shown to be better than chance; let it learn from an exploration of more nets"
    return line


def _is_of(space: AnySpace, net: JudgedNet) -> bool:
    if len(net.choices) != len(space.options) or any(map(ge, net.choices, space.options)):
        return False
    # Spaces of other widths have the same choices.
    found = space.architecture(net.choices)
    return all(metric.of(found) == net.costs.get(metric.name) for metric in (MACS, PARAMETERS))
