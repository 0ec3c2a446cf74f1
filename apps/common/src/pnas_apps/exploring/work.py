"""What a worker does: it takes one net after another from a study and judges it, until there are no more."""

import time
from collections.abc import Callable, Sequence

from pnas_apps.exploring.asking import Asker
from pnas_apps.exploring.entries import Entry
from pnas_apps.exploring.study import Study
from pnas_apps.ground.randomness import seeded_generator
from pnas_ops import AnySpace, Judge, Judgement

POLL_S = 1.0
"""Between two looks at a study of which others judge the last nets."""


def work(
    study: Study,
    asker: Asker,
    judge: Judge,
    space: AnySpace,
    *,
    seen: Callable[[Sequence[Entry]], None] = lambda entries: None,
) -> None:
    """Judges nets until the study has all that it is to have.

    A net that this worker was judging when it was killed comes first. With one worker everything is fixed by the seed;
    of several, each asks with what is known by then, which depends on time.

    Args:
        study: of the nets.
        asker: names the next one.
        judge: says how good they are.
        space: of them.
        seen: is given the entries before every net.
    """
    while True:
        study.revive()
        entries = study.entries()
        seen(entries)
        entry = _left_or_waiting(study, entries)
        if entry is not None:
            _judge(study, asker, judge, space, entry)
        elif (asked := asker.ask(entries)) is not None:
            study.put(asked.choices, asked.group, asking_epochs=asked.epochs)
        elif any(one.state in ("waiting", "judging") for one in entries):
            time.sleep(POLL_S)  # those that others judge are left here if they die
        else:
            return


def _left_or_waiting(study: Study, entries: Sequence[Entry]) -> Entry | None:
    """A net that this worker has left in the middle, or one that nobody judges."""
    for entry in entries:
        if entry.state == "judging" and entry.worker == study.worker:
            return entry
    return next((entry for entry in entries if entry.state == "waiting" and study.take(entry.number)), None)


def _judge(study: Study, asker: Asker, judge: Judge, space: AnySpace, entry: Entry) -> None:
    entries = study.entries()
    if asker.is_needless(entry, entries):
        study.drop(entry.number)
        return
    # The other group may have had it: judged again it would come to the same, bit for bit on a CPU.
    known = next((one.judgement for one in entries if one.choices == entry.choices and one.judgement), None)
    with study.kept_alive(entry.number):
        judgement = known or _judgement(judge, space, entry, asker.seed)
    study.tell(entry.number, judgement)  # where others have given this worker up meanwhile, theirs counts


def _judgement(judge: Judge, space: AnySpace, entry: Entry, seed: int) -> Judgement:
    # By what it is, and not by its number: whoever judges it, and whenever, comes to the same.
    return judge.judge(
        space.architecture(entry.choices, name="judged"), seeded_generator(seed, "judge", *entry.choices)
    )
