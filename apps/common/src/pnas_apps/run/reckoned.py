"""The estimated time, memory and disk of a run, as data."""

from attrs import frozen

WITHIN = 1.5
"""A step took at most so many times what was estimated, and no less than that divided by it: see
`tests/benchmarks/dry_run.py`."""


@frozen(kw_only=True)
class ReckonedStep:
    """A step of a run that is not done yet, or that is.

    Attributes:
        name: of the step.
        what: is left to do.
        seconds: the time that it will take here; None where that is not known before.
        memory_bytes: the most memory that it takes where it is done: the process's, or the GPU's; None if unknown.
        disk_bytes: what it leaves in the run's folder and in the cache.
    """

    name: str
    what: str
    seconds: float | None
    memory_bytes: float | None = None
    disk_bytes: float = 0.0


@frozen(kw_only=True)
class Reckoned:
    """All steps of a run.

    Attributes:
        steps: in their order.
        on_gpu: whether networks are trained on one, whose memory is given.
        measured_s: how long it was measured for.
        notes: lines on what it is about.
        doubts: lines on what the run may yet be refused for, and on limits that exclude no net.
    """

    steps: tuple[ReckonedStep, ...]
    on_gpu: bool
    measured_s: float
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Seconds of all steps whose time is known beforehand."""
        return sum(step.seconds or 0.0 for step in self.steps)

    @property
    def disk_bytes(self) -> float:
        """Bytes on disk of all steps."""
        return sum(step.disk_bytes for step in self.steps)
