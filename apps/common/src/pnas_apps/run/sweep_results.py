"""What a sweep found, as data."""

from attrs import frozen

from pnas_apps.run.results import BaselineResult, NetResult
from pnas_apps.run.verdict import Verdict


@frozen(kw_only=True)
class AimResult:
    """What the run of one aim found.

    Attributes:
        folder: of the run, in that of the sweep.
        device: as the command line names it.
        asked_ms: what the net may take there.
        searched: the net that was found, trained to ship and measured.
        verdict: on it, and the nets that were trained from scratch beside; None where nothing was compared.
        baselines: published nets, which were not trained.
    """

    folder: str
    device: str
    asked_ms: float
    searched: NetResult
    verdict: Verdict | None = None
    baselines: tuple[BaselineResult, ...] = ()


@frozen(kw_only=True)
class SweepResults:
    """The results of all aims, and the seconds that the sweep's own steps took."""

    aims: tuple[AimResult, ...]
    seconds: dict[str, float]
