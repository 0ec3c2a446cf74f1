"""All results of a finished run, which its pages are made from."""

from collections.abc import Sequence

from attrs import frozen

from pnas_apps.run.mistakes import Mistakes
from pnas_apps.run.results import RunResults
from pnas_apps.run.settings import RunSettings
from pnas_export import Proof
from pnas_latency import Landing, LatencyTable
from pnas_ops import Architecture
from pnas_supernet import EpochRecord


@frozen(kw_only=True)
class KeptResults:
    """What a finished run has found, as its folder keeps it.

    Attributes:
        name: of the run.
        settings: what was requested.
        table: the table that predicted.
        history: of the search, epoch by epoch.
        landing: how the net was taken.
        results: of all nets.
        proof: of the files; None where none ship.
        bundle: the folder of the files, relative to that of the page.
        mistakes: of one of the files; None where they are not known.
    """

    name: str
    settings: RunSettings
    table: LatencyTable
    history: Sequence[EpochRecord]
    landing: Landing
    results: RunResults
    proof: Proof | None
    bundle: str
    mistakes: Mistakes | None

    @property
    def net(self) -> Architecture:
        """The net that was found."""
        net = self.landing.result.architecture
        assert isinstance(net, Architecture)
        return net
