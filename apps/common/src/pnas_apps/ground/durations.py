"""How long something takes, as people say it."""

from pnas_ops import counted


def shown_duration(seconds: float) -> str:
    """A duration in seconds, minutes, hours or days, with no more digits than an estimate has."""
    for unit, length in (("days", 86400.0), ("hours", 3600.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else counted(round(seconds), "second")
