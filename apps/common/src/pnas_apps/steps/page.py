"""The page of a finished run, made of nothing but what its folder keeps."""

from functools import partial
from pathlib import Path

from pnas_apps.ground.errors import UserError
from pnas_apps.run.folder import SEARCHED, holds_bundle
from pnas_apps.run.mistakes import Mistakes
from pnas_apps.run.results import RunResults
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.sweep_aims import refuse_sweep
from pnas_apps.showing.kept_results import KeptResults
from pnas_apps.showing.page import report_page
from pnas_export import Bundle
from pnas_latency import Landing, LatencyTable
from pnas_ops import FormatError, PnasError, Space, from_dict, load_json, parse_json, workloads
from pnas_supernet import EpochRecord

_ROUNDED, _DRAWN = 1e-3, 1e9
"""How far a probability may be beside its range, and the largest number that a chart is made for."""


class DamagedRunError(UserError):
    """Something that the page of a run shows cannot be read, or is not what was written."""


def write_page(folder: RunFolder) -> Path:
    """Writes the page of a finished run.

    Returns:
        Where it is.

    Raises:
        UserError: as `kept_results`.
    """
    folder.files.write(folder.page, report_page(kept_results(folder)))
    return folder.page


def kept_results(folder: RunFolder) -> KeptResults:
    """What a finished run has found.

    Raises:
        DamagedRunError: where something that the page shows is damaged.
        UserError: for a run that is not finished, and a sweep.
    """
    settings = folder.read_settings()
    refuse_sweep(folder.path, settings.aims)
    if not folder.is_finished:
        raise UserError(f"{folder.path} is not finished: finish it with the command report")
    bundle = folder.bundle(SEARCHED)
    try:
        for path in (folder.table, folder.landing, folder.results):
            folder.files.check(path)
        landing = load_json(folder.landing, Landing)
        if not settings.space.has(landing.result.architecture):
            raise FormatError(f"{folder.landing} has a net of another space")
        table = load_json(folder.table, LatencyTable)
        if table.missing(workloads(settings.space)):
            raise FormatError(f"{folder.table} lacks blocks of the run's space")
        return KeptResults(
            name=folder.path.resolve().name,
            settings=settings,
            table=table,
            history=_history(folder.history, settings.space),
            landing=landing,
            results=load_json(folder.results, RunResults),
            proof=Bundle.load(bundle).proof if holds_bundle(bundle) else None,
            bundle=bundle.name,
            mistakes=folder.files.kept(
                folder.mistakes, partial(_read_mistakes, classes=settings.space.classes), lambda _: None
            ),
        )
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is missing, which the page needs: start the run again") from None
    except PnasError as error:
        raise DamagedRunError(f"{error.what}: the command report writes it again") from None


def _read_mistakes(path: Path, classes: int) -> Mistakes:
    mistakes = load_json(path, Mistakes)
    pairs = {(one.label, one.answer) for one in mistakes.confusions}
    pairs |= {(one.label, one.answer) for one in mistakes.examples}
    if not {number for pair in pairs for number in pair} <= set(range(classes)):
        raise FormatError(f"{path} has other classes than the run")
    return mistakes


def _history(path: Path, space: Space) -> list[EpochRecord]:
    """The epochs of the search; none where the file is damaged, which nothing but the charts needs."""
    try:
        records = [from_dict(parse_json(line), EpochRecord) for line in path.read_text(encoding="utf-8").splitlines()]
        of_space = all(tuple(map(len, space.of_choices(record.probs))) == space.options for record in records)
    except (FileNotFoundError, ValueError, FormatError):
        return []
    return records if of_space and all(map(_can_be_drawn, records)) else []


def _can_be_drawn(record: EpochRecord) -> bool:
    shares = [share for probs in record.probs for share in probs]
    others = [record.train_accuracy, record.validation_accuracy or 0.0, record.entropy, *record.multipliers.values()]
    return all(0 <= share <= 1 + _ROUNDED for share in shares) and all(abs(other) <= _DRAWN for other in others)
