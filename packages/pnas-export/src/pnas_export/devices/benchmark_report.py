"""The output of `benchmark_model`, Google's program that times TFLite files."""

import re
from typing import Literal

from pnas_ops import Measurement

Statistic = Literal["p10", "avg"]
"""The number of a report that is the latency of blocks and nets:

- "p10": the 10th percentile, as on all other devices, on the line between the report's "p5" and "median";
- "avg": the mean, for older builds, which print no percentiles.
"""

_LINE = re.compile(
    r"""
    \s*
    (?:[-+\d:.\s]* I(?:NFO)?(?:\b|\d) [^=()]* (?:\(\s*\d+\))? \s*[]:]\s+)?  # a date, a level, a tag, a process
    (?P<report>count=\d.*)
    """,
    re.VERBOSE,
)
"""A line of a report, after a log's prefix. Lines after the titles "Timings (microseconds): " and "Memory (bytes): "
belong to the tables of operators."""

_NUMBER = re.compile(r"(\w+)=([0-9][0-9.e+-]*)")
_QUARTILE_OF_NORMAL = 0.6745


def has_benchmark_report(text: str) -> bool:
    """Whether `read_benchmark_report` would find a report in what a program printed."""
    return bool(_reports(text))


def read_benchmark_report(text: str, *, statistic: Statistic) -> Measurement:
    """The measurement of a report, including the overhead of a call.

    A report has lines "count=50 first=311 curr=300 min=298 max=340 avg=302.1 std=6 p5=299 median=301 p95=310", in
    microseconds, perhaps after a log's prefix: the first for the warm-up, the last for the runs. If all runs took the
    same time, the line is "count=50 curr=3(all same)". Missing percentiles are interpolated linearly. Without any
    (older builds), the quartiles are those of a normal distribution with the same mean and standard deviation, clipped
    to the extremes.

    Args:
        text: the whole output of the program.
        statistic: the number that is the latency.

    Raises:
        ValueError: saying what is missing.
    """
    lines = _reports(text)
    if not lines:
        raise ValueError("it printed no report of benchmark_model")
    if len(lines) == 1:
        raise ValueError(f"the report of benchmark_model breaks off after the warm-up: {lines[0]!r}")
    values = {name: float(value) / 1000 for name, value in _NUMBER.findall(lines[-1])}
    count = round(1000 * values["count"])
    if "curr" in values and not values.keys() - {"count", "curr", "p5", "median", "p95"}:
        # Times are whole microseconds, so this is common for the smallest files.
        same = values["curr"]
        return Measurement(latency_ms=same, p25_ms=same, median_ms=same, p75_ms=same, count=count)
    if missing := {"min", "max", "avg", "std"} - values.keys():
        raise ValueError(f"the report of benchmark_model lacks {', '.join(sorted(missing))}: {lines[-1]!r}")
    if {"p5", "median", "p95"} <= values.keys():
        p5, median, p95 = values["p5"], values["median"], values["p95"]
        p10, p25 = (p5 + (median - p5) * (percent - 5) / (50 - 5) for percent in (10, 25))
        p75 = median + (p95 - median) * (75 - 50) / (95 - 50)
        latency = p10 if statistic == "p10" else values["avg"]
        return Measurement(latency_ms=latency, p25_ms=p25, median_ms=median, p75_ms=p75, count=count)
    if statistic == "p10":
        raise ValueError(
            "the report of benchmark_model has no p5 and median: take a newer build, or ask for the statistic 'avg'"
        )
    average, spread = values["avg"], _QUARTILE_OF_NORMAL * values["std"]
    return Measurement(
        latency_ms=average,
        p25_ms=max(values["min"], average - spread),
        median_ms=average,
        p75_ms=min(values["max"], average + spread),
        count=count,
    )


def _reports(text: str) -> list[str]:
    found = (_LINE.fullmatch(line) for line in text.splitlines())
    return [line["report"] for line in found if line is not None]
