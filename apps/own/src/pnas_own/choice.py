"""The last choice of a search by judged nets, whatever the net and its targets are."""

import math
from typing import Any

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.randomness import seeded_generator
from pnas_apps.steps.choice_by_weights import RandomNets
from pnas_apps.training.judging import shown_scores
from pnas_ops import Score
from pnas_own.given import Given
from pnas_own.run import OwnRun
from pnas_supernet import InheritedWeights, accuracy


def random_nets(run: OwnRun) -> RandomNets:
    """Random nets of a run, judged by the weights of its search on images that these have not learnt on."""
    statistics, validation = run.data.judging()
    return RandomNets(
        space=run.space,
        supernet=run.supernet,
        judge=InheritedWeights(
            supernet=run.supernet,
            statistics=statistics,
            validation=validation,
            score=_finite(run.given),
            images=run.data.sizes[0],
        ),
        count=run.preset.judged_nets,
        generator=lambda *purpose: seeded_generator(run.seed, *purpose),
        told=lambda values: f"{run.given.score_name} {shown_scores(values)} on held-out data",
        folder=run.folder,
        processes=run.session.processes,
        reporter=run.session.reporter,
        deterministic=run.session.deterministic,
    )


def _finite(given: Given) -> Score:
    """The score of a user's file, or the accuracy; nets cannot be told apart by what is not finite."""

    def score(outputs: Any, targets: Any) -> float:
        found = given.call("score", lambda: float((given.score or accuracy)(outputs, targets)))
        if not math.isfinite(found):
            raise UserError(
                f"{given.path}: score returned {found} for a random net of the search: return a finite number, or give "
                "--judged-nets 0 and another --run-dir"
            )
        return found

    return score
