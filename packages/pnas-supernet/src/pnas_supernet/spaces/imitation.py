"""Candidates learn to imitate the original's output, so that none wins only because it has trained longer."""

from collections.abc import Iterator
from functools import partial
from math import cos, inf, pi
from typing import Any

from attrs import frozen

from pnas_ops import Batches, Progress, html_table, report_progress
from pnas_supernet.searching.passes import check_batches, one_pass
from pnas_supernet.spaces.module_supernet import ModuleSuperNet
from pnas_supernet.spaces.pupils import Pupil, pupils_of, show_original, thawed
from pnas_supernet.spaces.statistics import taking_statistics

_WHAT = "batches to imitate the original on"
_GIVES_IT = 1e-5
"""A relative error of mere rounding; learning would only increase it."""


@frozen(kw_only=True)
class Imitation:
    """How far a candidate is from the original: |candidate(x) - original(x)| / |original(x)| over all batches.

    Attributes:
        path: of its place.
        title: of the candidate.
        before: the error before it learned; zeros would have 1. It is inf if the original gives only zeros and the
            candidate does not.
        after: the error now.
    """

    path: str
    title: str
    before: float
    after: float


class Imitations(tuple[Imitation, ...]):
    """The imitations in a supernet, place by place; a table at a prompt and in a notebook."""

    def __repr__(self) -> str:
        before, after = (sum(getattr(one, name) for one in self) / max(1, len(self)) for name in ("before", "after"))
        return f"<Imitations of {len(self)} candidates: mean relative error {before:.3f} before, {after:.3f} after>"

    def __str__(self) -> str:
        return "\n".join([repr(self), *("  " + "  ".join(row) for row in self._rows())])

    def _repr_html_(self) -> str:
        return html_table(repr(self), ["place", "candidate", "error before", "after"], self._rows())

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [(one.path, one.title, f"{one.before:.3f}", f"{one.after:.3f}") for one in self]


def imitate(
    supernet: ModuleSuperNet, batches: Batches, *, epochs: int = 1, lr: float = 3e-3, progress: Progress | None = None
) -> Imitations:
    """Trains each candidate but the original to give the original's output, on the original net's activations.

    Adam minimizes |candidate(x) - original(x)|^2 / |original(x)|^2 at every place separately, with a learning rate that
    falls to zero along a half cosine. One pass of the original net serves all places. A candidate learns while the pass
    is at its place, so memory is needed for one candidate at a time. Everything is in evaluation mode, so nothing is
    random: the same batches give the same weights. At the end, BatchNorm in trained candidates takes the statistics of
    one more pass, without changing its output.

    Not trained are candidates without weights, those that already give the original's output, and those at places where
    that is only zeros. A candidate that has come no nearer is restored. All else stays as it is, bit for bit.

    Args:
        supernet: of the candidates.
        batches: inputs of the net, on its device; a tuple holds its arguments. The targets are ignored.
        epochs: training passes over all batches; three more passes measure.
        lr: the initial learning rate.
        progress: called after every batch.

    Returns:
        The relative error of every candidate, before and after.

    Raises:
        DivergenceError: if a candidate's error is not finite.
        BatchesError: for no batch, and for batches that are used up after one pass.
    """
    check_batches(batches, _WHAT)
    rows = pupils_of(supernet)
    steps = epochs * len(batches)

    def passes(number: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
        for done, (inputs, _) in enumerate(one_pass(batches, _WHAT), number * len(batches)):
            yield done, inputs if isinstance(inputs, tuple) else (inputs,)
            report_progress(progress, "imitating", done + 1, (epochs + 3) * len(batches))

    def measured(number: int) -> dict[Pupil, float]:
        for _, arguments in passes(number):
            show_original(supernet, arguments, rows, Pupil.measure)
        return {pupil: pupil.take_error() for row in rows for pupil in row}

    before = measured(0)
    learning = [[pupil for pupil in row if pupil.may_learn and _GIVES_IT < before[pupil] < inf] for row in rows]
    learners = [pupil for row in learning for pupil in row]
    with thawed(learners):
        for epoch in range(epochs):
            for done, arguments in passes(1 + epoch):
                rate = lr * (1 + cos(pi * (done - len(batches)) / steps)) / 2
                show_original(supernet, arguments, learning, partial(Pupil.learn, lr=rate))
    with taking_statistics(pupil.module for pupil in learners):
        for _, arguments in passes(1 + epochs):
            show_original(supernet, arguments, learning, Pupil.settle)
    after = measured(2 + epochs)
    for pupil in learners:
        if after[pupil] > before[pupil]:
            pupil.put_back()
            after[pupil] = before[pupil]
    return Imitations(
        Imitation(path=pupil.path, title=pupil.title, before=before[pupil], after=after[pupil]) for pupil in before
    )
