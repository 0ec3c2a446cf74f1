"""Any command that times a TFLite file, as a device: a board behind ssh, a simulator, a script."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from attrs import field, frozen

from pnas_export.devices.benchmark_report import Statistic, has_benchmark_report, read_benchmark_report
from pnas_export.devices.command_line import check_template, run_template
from pnas_export.devices.file_device import FileByFileDevice
from pnas_export.ground.programs import DeviceError, Finished
from pnas_ops import DeviceInfo, Measurement, Range, summarize_samples

_LATENCY_MS = Range(0.0, 1e9, above=True)


@frozen(kw_only=True)
class CommandDevice(FileByFileDevice):
    """Runs a command for each block and each net that times one file and prints the result.

    The command prints one of:

    - the report of `benchmark_model`;
    - as its last line, a JSON object, `{"samples_ms": [1.31, 1.29, ...]}` with at least two samples or
      `{"latency_ms": 1.3}`;
    - as its last line, a number of milliseconds: `1.3` or `1.3 ms`.

    A single number counts as one sample. Tested with stand-ins for a board, never with one.

    Attributes:
        template: the command, with {model} in place of the file's path and, optionally, {threads}. It is split as by a
            shell, but run without one. In a word that is itself a command line, as in
            `ssh board "cd x && bench {model}"`, the path is quoted for the shell that reads it there. The file is also
            the standard input.
        name: of the device, for the table.
        threads, dtype, statistic, timeout_s, probe, cache, log: see `FileByFileDevice`.
    """

    template: str
    name: str = field()

    @name.default
    def _template_as_name(self) -> str:
        return self.template

    def __attrs_post_init__(self) -> None:
        check_template(self.template)

    @property
    def info(self) -> DeviceInfo:
        """The description; its version is a hash of the command, since another command is another device."""
        return DeviceInfo(
            device=self.name,
            runtime="command" if self.statistic == "p10" else f"command ({self.statistic})",
            runtime_version=hashlib.sha256(self.template.encode()).hexdigest()[:12],
            threads=self.threads,
            dtype=self.dtype,
        )

    def time_file(self, path: Path, what: str) -> Measurement:
        """Runs the command on a TFLite file.

        Raises:
            DeviceError: naming the command and the file.
        """
        try:
            finished = run_template(self.template, path, threads=self.threads, timeout_s=self.timeout_s)
            return _read_measurement(finished, statistic=self.statistic)
        except ValueError as error:
            raise DeviceError(
                f"command {self.template!r} did not time {what}: {error}", "run it by hand to see why"
            ) from None


def _read_measurement(finished: Finished, *, statistic: Statistic) -> Measurement:
    if finished.code != 0:
        raise ValueError(f"it ended with code {finished.code} and printed {finished.last_line}")
    if has_benchmark_report(finished.output):
        return read_benchmark_report(finished.output, statistic=statistic)
    return _read_last_line(finished.output)


def _read_last_line(text: str) -> Measurement:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    if number := re.fullmatch(r"([0-9.]+(?:e[+-]?[0-9]+)?)(?: ?ms)?", last, re.IGNORECASE):
        return _single(_parsed(number[1]), last)
    try:
        found = json.loads(last)
    except (ValueError, RecursionError):
        found = None
    match found:
        case {"samples_ms": [_, _, *_] as samples, **others} if not others:
            return summarize_samples([_milliseconds(sample, last) for sample in samples])
        case {"latency_ms": latency, **others} if not others:
            return _single(latency, last)
    raise ValueError(
        'it must print a report of benchmark_model, {"samples_ms": [...]}, {"latency_ms": ...} or a number of '
        f"milliseconds, and printed {last!r}"
    )


def _single(value: object, line: str) -> Measurement:
    latency_ms = _milliseconds(value, line)
    return Measurement(latency_ms=latency_ms, p25_ms=latency_ms, median_ms=latency_ms, p75_ms=latency_ms, count=1)


def _milliseconds(value: Any, line: str) -> float:
    if value not in _LATENCY_MS:
        raise ValueError(f"{value!r} is no number of milliseconds above 0, in what it printed: {line!r}")
    return float(value)


def _parsed(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
