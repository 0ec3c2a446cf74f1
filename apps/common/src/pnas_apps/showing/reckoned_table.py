"""The estimated time, memory and disk of a run, as a table."""

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from pnas_apps.ground.durations import shown_duration
from pnas_apps.run.reckoned import WITHIN, Reckoned


def reckoned_page(reckoned: Reckoned) -> Group:
    """The steps, what they are about, how sure all of it is, and what the run may yet be refused for."""
    table = Table(title="What would be done", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("step", "what"):
        table.add_column(heading, overflow="fold")
    for heading in ("about", "memory" + (" (GPU)" if reckoned.on_gpu else ""), "disk"):
        table.add_column(heading, justify="right", no_wrap=True)
    for step in reckoned.steps:
        memory = "-" if step.memory_bytes is None else _bytes(step.memory_bytes)
        seconds = "unknown" if step.seconds is None else shown_duration(step.seconds) if step.seconds else "-"
        table.add_row(step.name, step.what, seconds, memory, _bytes(step.disk_bytes) if step.disk_bytes else "-")
    low, high = (shown_duration(seconds) for seconds in (reckoned.seconds / WITHIN, reckoned.seconds * WITHIN))
    unknown = [step.name for step in reckoned.steps if step.seconds is None]
    besides = f", plus {', '.join(unknown)}" if unknown else ""
    return Group(
        table,
        *reckoned.notes,
        f"In total about {shown_duration(reckoned.seconds)}, usually between {low} and {high}{besides}, and "
        f"{_bytes(reckoned.disk_bytes)} on disk: estimated from {shown_duration(reckoned.measured_s)} of trials, at "
        "this machine's speed during them. Nothing was written.",
        *(Text(doubt, style="yellow") for doubt in reckoned.doubts),
    )


def _bytes(count: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"
