"""The page of a finished run, made of nothing but what its folder keeps."""

from functools import partial
from pathlib import Path

from pnas_apps.ground.errors import UserError
from pnas_apps.run.folder import SEARCHED, RunFolder, holds_bundle
from pnas_apps.run.mistakes import Mistakes
from pnas_apps.run.results import RunResults
from pnas_apps.showing.kept_results import KeptResults
from pnas_apps.showing.page import report_page
from pnas_export import Bundle
from pnas_latency import Landing, LatencyTable
from pnas_ops import FormatError, PnasError, from_dict, load_json, parse_json
from pnas_supernet import EpochRecord


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
        UserError: for a run that is not finished, and one of which something that its page shows is damaged.
    """
    settings = folder.read_settings()
    if not folder.is_finished:
        raise UserError(f"{folder.path} is not finished: finish it by the verb report")
    bundle = folder.bundle(SEARCHED)
    try:
        for path in (folder.table, folder.landing, folder.results):
            folder.files.check(path)
        return KeptResults(
            name=folder.path.resolve().name,
            settings=settings,
            table=load_json(folder.table, LatencyTable),
            history=_history(folder.history),
            landing=load_json(folder.landing, Landing),
            results=load_json(folder.results, RunResults),
            proof=Bundle.load(bundle).proof if holds_bundle(bundle) else None,
            bundle=bundle.name,
            mistakes=folder.files.kept(folder.mistakes, partial(load_json, cls=Mistakes), lambda _: None),
        )
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is missing, without which there is no page: begin the run anew") from None
    except PnasError as error:
        raise UserError(f"{error.what}: the verb report makes anew what is damaged") from None


def _history(path: Path) -> list[EpochRecord]:
    """The epochs of the search; none where the file is damaged, which nothing but the charts needs."""
    try:
        records = [from_dict(parse_json(line), EpochRecord) for line in path.read_text(encoding="utf-8").splitlines()]
    except (FileNotFoundError, ValueError, FormatError):
        return []
    places = {tuple(map(len, record.probs)) for record in records}
    return records if len(places) == 1 and all(*places) else []
