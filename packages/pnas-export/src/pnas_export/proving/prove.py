"""Compares, judges and times the files of a net on every installed runtime."""

import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from attrs import evolve
from torch import nn

from pnas_export.ground.inference_copy import inference_copy
from pnas_export.proving.answers import compared
from pnas_export.proving.basis import Basis, basis_of
from pnas_export.proving.judge import Judge
from pnas_export.proving.proof import FileProof, LossyFile, Proof, Refusal, Timing
from pnas_export.quantizing.float_layers import MAX_ACCURACY_LOSS
from pnas_export.quantizing.formats import Format, base_format, is_float32
from pnas_export.quantizing.judging import check_batches, lost
from pnas_export.quantizing.layer_errors import layer_errors
from pnas_export.runtimes.comparison import FLOAT_TOLERANCE, Tolerance, check_tolerance
from pnas_export.runtimes.parity import load_on_runtimes
from pnas_export.runtimes.runtime import LoadedFile, Runtime
from pnas_export.timing.file_timing import measure_files
from pnas_export.timing.memory import peak_memory_bytes
from pnas_ops import Batches, FilePath, Progress, Score, processor_name, report_progress

TIMED_THREADS = (1, 2)
_TIMED_SAMPLES, _TIMED_SESSIONS = 60, 3
_LAYER_IMAGES = 16
_NAMED_LAYERS = 5

Run = tuple[Format, Runtime]
"""A file, by its format, on a runtime."""


def prove(
    module: nn.Module,
    files: Mapping[Format, FilePath],
    test: Batches,
    *,
    score: Score | Literal["auto"] | None = "auto",
    tolerance: Tolerance = FLOAT_TOLERANCE,
    known: Proof | None = None,
    progress: Progress | None = None,
) -> Proof:
    """Compares, judges and times every file on every installed runtime that supports it.

    Args:
        module: the net that was exported; not changed.
        files: the files by format, including the float32 file of each quantized one.
        test: batches of test images (N, C, H, W), preprocessed as for the net (uint8 for a `RawPixels`), and of their
            labels (N,), or any targets that `score` takes, with a row for each image.
        score: of the net's result for a batch, in its own structure, and the targets; larger is better. A quantized
            file that loses more than `MAX_ACCURACY_LOSS` is lossy. What counts is the mean of the batches' scores,
            weighted by images: a mean IoU over all images needs them in one batch. "auto" is accuracy if the first
            output is (N, classes) and the targets are classes, else nothing. None only compares with PyTorch.
        tolerance: of the float32 files, relative to the largest value of an output; see `verify_files`.
        known: an earlier proof of the same net, with those of its `files` that have not changed since. If it was made
            on this processor, on the same images and in the same way, its results for a file on a runtime of the same
            version are reused, with milliseconds converted to the machine's present speed.
        progress: told about "proving", "measuring", and "measuring memory".

    Raises:
        ParityError: for a float32 file that differs by more than `tolerance`.
        ValueError: for no test images, images of another shape, labels that are no classes of the net, and a file that
            no installed runtime runs.
    """
    check_batches(test)
    paths = {name: Path(file) for name, file in files.items()}
    models, refused = _load(paths)
    taken = {}
    if known is not None and known.files and known.basis_sha256 is not None:  # else the pass would be in vain
        taken = _taken_over(known, paths, models, basis_of(test, score, tolerance))
    new = {run: model for run, model in models.items() if run not in taken}
    if known is None or new:
        found = _proven(module, paths, new, test, score=score, tolerance=tolerance, progress=progress)
    else:
        found = evolve(known, files=(), lossy=(), adjusted=())
    proofs = dict(zip(new, found.files, strict=True))
    proofs |= {run: _at_speed_of(found.files, one) for run, one in taken.items()}
    lossy = {one.file: one for one in (*_lossy_among(known, taken.values()), *found.lossy)}
    return evolve(found, files=tuple(proofs[run] for run in models), refused=refused, lossy=tuple(lossy.values()))


def _taken_over(
    known: Proof, files: Mapping[Format, Path], runs: Collection[Run], basis_sha256: str | None
) -> dict[Run, FileProof]:
    """The results that need not be proven again."""
    if basis_sha256 is None or known.basis_sha256 != basis_sha256:
        return {}
    found = {(one.parity.file, one.parity.runtime, one.parity.runtime_version): one for one in known.files}
    places = {run: (files[run[0]].name, run[1].name, run[1].version) for run in runs}
    return {run: found[place] for run, place in places.items() if place in found}


def _at_speed_of(measured: Sequence[FileProof], one: FileProof) -> FileProof:
    """A proof with milliseconds at the speed of others on its runtime, if there are any."""
    speeds = {
        timing.threads: timing.measurement.probe_ms
        for other in measured
        if other.parity.runtime == one.parity.runtime
        for timing in other.timings
    }
    timings = (evolve(timing, measurement=timing.measurement.at(speeds.get(timing.threads))) for timing in one.timings)
    return evolve(one, timings=tuple(timings))


def _lossy_among(known: Proof | None, taken: Collection[FileProof]) -> tuple[LossyFile, ...]:
    names = {one.parity.file for one in taken}
    return () if known is None else tuple(one for one in known.lossy if one.file in names)


def _proven(
    module: nn.Module,
    paths: Mapping[Format, Path],
    models: Mapping[Run, LoadedFile],
    test: Batches,
    *,
    score: Score | Literal["auto"] | None,
    tolerance: Tolerance,
    progress: Progress | None,
) -> Proof:
    """The proof of files on the runtimes that have loaded them."""
    runs = list(models)
    answers = compared(
        inference_copy(module),
        {(paths[name], runtime): model for (name, runtime), model in models.items()},
        test,
        score=score,
        basis=Basis(score, tolerance),
        progress=progress,
    )
    check_tolerance(tolerance, answers.outputs)
    parities = [
        comparison.parity(tolerance if is_float32(name) else None)
        for (name, _), comparison in zip(runs, answers.comparisons, strict=True)
    ]
    timings = _timings(paths, runs, progress)
    memories = _memories([(paths[name], runtime) for name, runtime in runs], progress)
    proofs = []
    for index, (name, _) in enumerate(runs):
        accuracy, file_score = _judged(answers.judge, answers.scores[index])
        proofs.append(
            FileProof(
                parity=parities[index],
                accuracy=accuracy,
                score=file_score,
                size_bytes=paths[name].stat().st_size,
                timings=timings[index],
                peak_memory_bytes=memories[index],
            )
        )
    losers = {
        proof.parity.file
        for proof, found in zip(proofs, answers.scores, strict=True)
        if lost(answers.net_score, found) > MAX_ACCURACY_LOSS  # both are 0 if nothing was judged
    }
    net_accuracy, net_score = _judged(answers.judge, answers.net_score)
    return Proof(
        processor=processor_name(),
        images=answers.images,
        net_accuracy=net_accuracy,
        net_score=net_score,
        files=tuple(proofs),
        lossy=_lossy(paths, losers, test),
        basis_sha256=answers.basis_sha256,
    )


def _load(files: Mapping[Format, Path]) -> tuple[dict[Run, LoadedFile], tuple[Refusal, ...]]:
    models: dict[Run, LoadedFile] = {}
    refused: list[Refusal] = []
    for name, path in files.items():
        loaded, reasons = load_on_runtimes(path)
        models |= {(name, runtime): model for runtime, model in loaded.items()}
        refused += [Refusal(file=path.name, runtime=one.name, reason=reason) for one, reason in reasons.items()]
    return models, tuple(refused)


def _timings(files: Mapping[Format, Path], runs: Sequence[Run], progress: Progress | None) -> list[tuple[Timing, ...]]:
    calls = {index: (runtime, files[name]) for index, (name, runtime) in enumerate(runs)}

    def part(number: int) -> Progress:
        """Progress of one measurement as a part of all of them, so that their common bar does not jump back."""
        return lambda what, done, total: report_progress(
            progress, what, number * total + done, len(TIMED_THREADS) * total
        )

    by_threads = {
        threads: measure_files(
            calls,
            threads=threads,
            samples=_TIMED_SAMPLES,
            sessions=_TIMED_SESSIONS,
            extra_sessions=0,  # for a proof, "noisy" is enough of an answer, in half the time
            progress=part(number),
        )
        for number, threads in enumerate(TIMED_THREADS)
    }
    return [
        tuple(Timing(threads=threads, measurement=measured[index]) for threads, measured in by_threads.items())
        for index in calls
    ]


def _memories(runs: Sequence[tuple[Path, Runtime]], progress: Progress | None) -> list[int]:
    """The memory of each file on a runtime; several at a time, since processes do not affect each other's memory."""
    report_progress(progress, "measuring memory", 0, len(runs))
    found = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, one in enumerate(pool.map(lambda run: peak_memory_bytes(*run), runs), start=1):
            found.append(one)
            report_progress(progress, "measuring memory", done, len(runs))
    return found


def _judged(judge: Judge | None, found: float) -> tuple[float | None, float | None]:
    """Accuracy and score, at most one of which is known."""
    if judge is None:
        return None, None
    return (found, None) if judge.score is None else (None, found)


def _lossy(files: Mapping[Format, Path], losers: Collection[str], test: Batches) -> tuple[LossyFile, ...]:
    images = next(iter(test))[0][:_LAYER_IMAGES].cpu()
    return tuple(
        LossyFile(file=path.name, layers=layer_errors(files[base_format(name)], path, images)[:_NAMED_LAYERS])
        for name, path in files.items()
        if path.name in losers and not is_float32(name)
    )
