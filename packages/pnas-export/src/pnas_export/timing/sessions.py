"""Blocks and nets timed in several processes, one after the other, and the combined results."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from attrs import asdict, evolve, field, frozen

from pnas_export.ground.children import started
from pnas_ops import (
    Measurement,
    Progress,
    Range,
    WalkSamples,
    combine_sessions,
    report_progress,
    summarize_walk,
    write_atomically,
)
from pnas_ops.timing import walk

_SESSION = Path(__file__).with_name("walk_session.py")
_PROBE = "probe.tflite"
_PROBES = {"onnxruntime": "probe.onnx", "int8": "probe-int8.tflite"}
"""The files of `pnas_ops.PROBE`, stored so that no converter can change them."""

_PARTS = 1000
"""Steps of a session's progress."""

Entry = tuple[str, str, str | None]
"""A name, a file, and the signature of the file where it has several."""


@frozen(kw_only=True)
class Plan:
    """What a session walks through (`pnas_ops.time_walks`).

    Attributes:
        module: of the runtime: "ai_edge_litert.interpreter", "tflite_runtime.interpreter" or "onnxruntime".
        threads: of the runtime.
        provider: of ONNX Runtime, which must not fall back to another.
        rows: the blocks at each position of a net. A block in several rows has a separate signature in each or, for
            ONNX, is loaded as often.
        idle: files and signatures that compute almost nothing, for the overhead of a call, taken in turns.
        nets: whole nets.
        samples, whole_samples: least number of samples for each block and each net, in all sessions together.
        least_s: least duration of a process's timing in seconds; see `pnas_ops.time_walks`.
        sessions: number of processes. Where in memory a process is makes the same net up to some percent faster or
            slower, throughout its life.
        extra_sessions: the most further processes if they do not agree.
    """

    module: str
    threads: int
    rows: tuple[tuple[Entry, ...], ...]
    idle: tuple[tuple[str, str | None], ...] = ()
    nets: tuple[Entry, ...] = ()
    provider: str = "CPUExecutionProvider"
    samples: int = field(default=200, validator=Range(2, 1_000_000, whole=True))
    whole_samples: int = field(default=100, validator=Range(2, 1_000_000, whole=True))
    least_s: float = field(default=0.5, validator=Range(0.0, 1e6))
    sessions: int = field(default=5, validator=Range(1, 1000, whole=True))
    extra_sessions: int = field(default=2, validator=Range(0, 1000, whole=True))


def probe_file(name: str) -> Path:
    """The probe's file for a runtime's module, or for a device that runs TFLite files in a dtype."""
    return Path(__file__).with_name(_PROBES.get(name, _PROBE))


def measure_in_sessions(
    plan: Plan, folder: Path, *, kept: Path | None = None, progress: Progress | None = None
) -> dict[str, Measurement]:
    """Times everything in `plan.sessions` processes, and in some more if they do not agree.

    Args:
        plan: what to time.
        folder: of the plan's files.
        kept: a folder for the sessions' results until all are done, so that an interruption loses at most one session.
        progress: told about "measuring".

    Returns:
        For each name, the median over the sessions.

    Raises:
        ValueError: in one line, if a session fails.
    """
    found: list[dict[str, Measurement]] = []
    digest = "" if kept is None else _digest(plan, folder)
    sessions, told = plan.sessions, _Told(progress)
    while len(found) < sessions:
        number = len(found)
        memory = None if kept is None else kept / f"{digest}-{number}.json"
        result = None if memory is None else _kept(memory)
        if result is None:
            result = summarize_walk(_session(plan, folder, number, told.of_session(number, sessions)))
            if memory is not None:
                write_atomically(memory, json.dumps({key: asdict(one) for key, one in result.items()}))
        found.append(result)
        if len(found) == sessions < plan.sessions + plan.extra_sessions and any(
            one.noisy for one in _combined(found).values()
        ):
            sessions += 1
    if kept is not None:
        for path in kept.glob(f"{digest}-*.json"):
            path.unlink(missing_ok=True)  # another program may have measured the same
    return _combined(found)


def _kept(path: Path) -> dict[str, Measurement] | None:
    """The result of an earlier session; None if there is none, or its file is damaged."""
    try:
        return _measurements(json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return None


def _measurements(document: Any) -> dict[str, Measurement]:
    return {key: Measurement(**values) for key, values in document.items()}


def _combined(found: Sequence[Mapping[str, Measurement]]) -> dict[str, Measurement]:
    return {key: combine_sessions([session[key] for session in found]) for key in found[0]}


def _digest(plan: Plan, folder: Path) -> str:
    digest = hashlib.sha256(repr(plan).encode())
    for path in sorted(folder.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class _Told:
    """The progress of all sessions; its total grows if a session repeats rounds."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._more = 0

    def of_session(self, number: int, sessions: int) -> Callable[[int, int], None]:
        """A callback for one session, with the rounds done and the present total."""
        first, before = 0, self._more

        def tell(done: int, total: int) -> None:
            nonlocal first
            first = first or total
            self._more = before + (total - first) * _PARTS // first
            parts = number * _PARTS + before + done * _PARTS // first
            report_progress(self._progress, "measuring", parts, sessions * _PARTS + self._more)

        return tell


def _session(plan: Plan, folder: Path, number: int, tell: Callable[[int, int], None]) -> WalkSamples[str]:
    each = evolve(plan, samples=max(2, plan.samples // plan.sessions))
    document = asdict(each) | {
        "seed": number,
        "whole_samples": max(2, plan.whole_samples // plan.sessions),
        "probe": str(probe_file(plan.module)),
    }
    write_atomically(folder / "plan.json", json.dumps(document))
    command = [sys.executable, "-I", str(_SESSION), str(walk.__file__), "plan.json"]
    with (
        TemporaryFile("w+") as errors,
        started(command, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            word, _, rest = line.partition(" ")
            if word == "progress":
                tell(*map(int, rest.split()))
            elif word == "result":
                return WalkSamples(*json.loads(rest))
        errors.seek(0)
        lines = errors.read().strip().splitlines()
    raise ValueError(
        f"{plan.module} cannot run what is to be timed: {lines[-1] if lines else f'exit code {process.returncode}'}"
    )
