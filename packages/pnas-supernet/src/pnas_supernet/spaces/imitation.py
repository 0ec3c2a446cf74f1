"""Candidates learn to give what the original gives, so that none wins merely because it has learned for longer."""

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
"""A relative error that is rounding; learning would only add to it."""


@frozen(kw_only=True)
class Imitation:
    """How far a candidate is from the original: |candidate(x) - original(x)| / |original(x)| over all batches.

    Attributes:
        path: of its place.
        title: of the candidate.
        before: what it was before it learned; 1 is what zeros would have, and inf is that of anything else where the
            original gives nothing but zeros.
        after: what it is now.
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
    """Each candidate but the original learns to give the original's output, on the original net's own activations.

    Adam minimizes |candidate(x) - original(x)|^2 / |original(x)|^2 at every place by itself, with a rate that falls to
    zero along a half cosine. One pass of the original net serves all places, and a candidate learns while the pass is
    at its place, so that the memory is that of one candidate at a time. All is in evaluation mode, so that nothing is
    drawn: the same batches give the same weights. In the end BatchNorm in what has learned takes the statistics of one
    more pass, and gives what it gave. Candidates without weights, those that give the original's output already, and
    all where that is nothing but zeros, are left alone, and one that has come no nearer is put back; all that is no
    candidate stays as it is, to the bit.

    Args:
        supernet: whose candidates learn.
        batches: of what the net takes, on its device; a tuple is its arguments. The targets are not looked at.
        epochs: how often all batches are learned from; three more passes measure.
        lr: the learning rate of the first step.
        progress: called after every batch.

    Returns:
        The relative error of every candidate, before and after.

    Raises:
        DivergenceError: where a candidate's error is not finite.
        BatchesError: where there is no batch, and for batches that are used up after one pass.
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
