"""Timing files one by one, with a probe between them that shows the speed of the device."""

from collections.abc import Callable
from pathlib import Path

from attrs import define, evolve

from pnas_export.ground.programs import DeviceError
from pnas_ops import Measurement, combine_sessions

_REPEATS = 2


@define(kw_only=True, eq=False)
class ProbedFiles:
    """Timing on a device whose speed changes, such as a phone that gets warm, corrected by a probe.

    Attributes:
        time_file: times a file; also takes its description for error messages.
        probe: a file of `pnas_ops.PROBE`.
        before: the last latency of the probe; None if it has not been timed yet.
    """

    time_file: Callable[[Path, str], Measurement]
    probe: Path
    before: Measurement | None = None

    def time(self, path: Path, what: str) -> Measurement:
        """Times a file between two probes, and again if these disagree, at most three times.

        Returns:
            The last measurement, at the mean speed of its two probes; noisy if they still disagree.

        Raises:
            DeviceError: naming the file, or the probe.
        """
        before = self.before or self._time_probe()
        for _ in range(1 + _REPEATS):
            found, after = self.time_file(path, what), self._time_probe()
            speed, before = combine_sessions([before, after]), after
            if not speed.noisy:
                break
        self.before = after
        return evolve(found, probe_ms=speed.latency_ms, drift=max(found.drift, speed.drift), noisy=speed.noisy)

    def _time_probe(self) -> Measurement:
        try:
            return self.time_file(self.probe, "the probe that tells its speed")
        except DeviceError as error:
            without = "or do without it (probe=False; on a command line probe=no)"
            way_out = f"{error.way_out}; {without}" if error.way_out else without
            raise DeviceError(error.what, way_out) from None
