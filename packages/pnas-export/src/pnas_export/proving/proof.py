"""All that is measured of the files of one net, beside PyTorch and beside one another."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from attrs import frozen
from torch import Tensor, nn

from pnas_export.ground.inference_copy import inference_copy
from pnas_export.ground.outputs import output_tensors
from pnas_export.proving.labels import check_labels
from pnas_export.proving.proof_table import file_cells, proof_as_html, proof_as_text
from pnas_export.quantizing.float_layers import MAX_ACCURACY_LOSS
from pnas_export.quantizing.formats import Format, base_format, is_float32
from pnas_export.quantizing.layer_errors import LayerError, layer_errors
from pnas_export.runtimes.parity import FLOAT_TOLERANCE, Parity, compare, load_on_runtimes
from pnas_export.runtimes.runtime import LoadedFile, Runtime
from pnas_export.timing.file_timing import measure_files
from pnas_export.timing.memory import peak_memory_bytes
from pnas_ops import Batches, FilePath, Measurement, Progress, processor_name, report_progress

TIMED_THREADS = (1, 2)
_TIMED_SAMPLES, _TIMED_SESSIONS = 60, 3
_LAYER_IMAGES = 16
_NAMED_LAYERS = 5

Run = tuple[Format, Runtime]


@frozen(kw_only=True)
class Timing:
    """The latency of a file for one image."""

    threads: int
    measurement: Measurement


@frozen(kw_only=True, repr=False)
class FileProof:
    """A file on a runtime.

    Attributes:
        parity: its outputs beside PyTorch's.
        accuracy: share of the test images that it puts into their class.
        size_bytes: of the file.
        timings: for each number of threads.
        peak_memory_bytes: what loading and running it takes beside the runtime itself.
    """

    parity: Parity
    accuracy: float
    size_bytes: int
    timings: tuple[Timing, ...]
    peak_memory_bytes: int

    def __repr__(self) -> str:
        file, runtime, difference, _, accuracy, latencies, size, _ = file_cells(self)
        return f"FileProof({file} on {runtime}: {accuracy} right, {difference} off, {latencies} ms, {size})"


@frozen(kw_only=True)
class LossyFile:
    """A quantized file that loses more than `MAX_ACCURACY_LOSS`, and the layers with the largest errors in it."""

    file: str
    layers: tuple[LayerError, ...]


@frozen(kw_only=True)
class AdjustedFile:
    """An int8 file that is more than the net rounded, so that it loses less.

    Attributes:
        file: its name.
        float_layers: layers that are float32 in it, which makes it larger and slower than int8 throughout.
        fine_tuned: whether its weights are those of a fine-tuning with fake quantization, not those of the net.
    """

    file: str
    float_layers: tuple[str, ...]
    fine_tuned: bool

    def __str__(self) -> str:
        kept = f"keeps {', '.join(self.float_layers)} in float32" if self.float_layers else "keeps no layer in float32"
        return f"{self.file} {kept}" + (", and has weights fine-tuned for int8" if self.fine_tuned else "")


@frozen(kw_only=True)
class Refusal:
    """A runtime that should run a file of this kind and does not load this one, and what it says."""

    file: str
    runtime: str
    reason: str


@frozen(kw_only=True, repr=False)
class Proof:
    """What is known of the files of one net.

    Attributes:
        processor: where it was measured.
        images: number of test images that were compared and judged.
        net_accuracy: of the net itself in PyTorch, in float32.
        files: every file on every installed runtime that runs it.
        refused: files that a runtime does not load though it supports their kind; another one does.
        lossy: the quantized files that are clearly worse than the net.
        adjusted: the int8 files that have layers in float32, or weights of their own.
    """

    processor: str
    images: int
    net_accuracy: float
    files: tuple[FileProof, ...]
    refused: tuple[Refusal, ...] = ()
    lossy: tuple[LossyFile, ...] = ()
    adjusted: tuple[AdjustedFile, ...] = ()

    def __repr__(self) -> str:
        files = len({one.parity.file for one in self.files})
        return f"Proof({files} files on {self.images} images, the net {self.net_accuracy:.2%} right, {self.processor})"

    def __str__(self) -> str:
        return proof_as_text(self)

    def _repr_html_(self) -> str:
        return proof_as_html(self)


def prove(
    module: nn.Module, files: Mapping[Format, FilePath], test: Batches, *, progress: Progress | None = None
) -> Proof:
    """Compares, judges and times every file on every installed runtime that supports it.

    Args:
        module: the net that was exported; not changed.
        files: the files by their formats; the float32 file of each quantized one among them.
        test: batches of test images (N, C, H, W), preprocessed as for the net (uint8 for a `RawPixels`), and of their
            labels (N,).
        progress: told about "proving", "measuring", and "measuring memory".

    Raises:
        ParityError: for a float32 file that differs by more than `FLOAT_TOLERANCE` of the largest logit.
        ValueError: for no test images, images of another shape, labels that are no classes of the net, and a file that
            no installed runtime runs.
    """
    paths = {name: Path(file) for name, file in files.items()}
    models, refused = _load(paths)
    runs = list(models)
    expected, found, labels = _answers(inference_copy(module), list(models.values()), test, progress)
    parities = [
        compare(paths[name], runtime, outputs, expected, tolerance=FLOAT_TOLERANCE if is_float32(name) else None)
        for (name, runtime), outputs in zip(runs, found, strict=True)
    ]
    timings = _timings(paths, runs, progress)
    proofs = []
    for index, (name, runtime) in enumerate(runs):
        report_progress(progress, "measuring memory", index, len(runs))
        proofs.append(
            FileProof(
                parity=parities[index],
                accuracy=_accuracy(found[index][0], labels),
                size_bytes=paths[name].stat().st_size,
                timings=timings[index],
                peak_memory_bytes=peak_memory_bytes(paths[name], runtime),
            )
        )
    report_progress(progress, "measuring memory", len(runs), len(runs))
    net_accuracy = _accuracy(expected[0], labels)
    return Proof(
        processor=processor_name(),
        images=len(labels),
        net_accuracy=net_accuracy,
        files=tuple(proofs),
        refused=refused,
        lossy=_lossy(paths, proofs, net_accuracy, test),
    )


def _load(files: Mapping[Format, Path]) -> tuple[dict[Run, LoadedFile], tuple[Refusal, ...]]:
    models: dict[Run, LoadedFile] = {}
    refused: list[Refusal] = []
    for name, path in files.items():
        loaded, reasons = load_on_runtimes(path)
        models |= {(name, runtime): model for runtime, model in loaded.items()}
        refused += [Refusal(file=path.name, runtime=one.name, reason=reason) for one, reason in reasons.items()]
    return models, tuple(refused)


def _answers(
    net: nn.Module, loaded: Sequence[LoadedFile], test: Batches, progress: Progress | None
) -> tuple[list[Tensor], list[list[Tensor]], Tensor]:
    """The outputs of the net and of every loaded file, the first of each (N, classes), and the labels (N,)."""
    models = [lambda images: output_tensors(net(images)), *(model.outputs for model in loaded)]
    steps = len(test) * len(models)
    labels: list[Tensor] = []
    answers: list[list[tuple[Tensor, ...]]] = [[] for _ in models]
    with torch.no_grad():
        for images, classes in test:
            for model, rows in zip(models, answers, strict=True):
                report_progress(progress, "proving", sum(map(len, answers)), steps)
                rows.append(model(images.cpu().contiguous()))
            check_labels(classes, rows=answers[0][-1][0])
            labels.append(classes.cpu())
    if not labels:
        raise ValueError("a proof needs at least one test image")
    report_progress(progress, "proving", steps, steps)
    expected, *found = ([torch.cat(column) for column in zip(*rows, strict=True)] for rows in answers)
    return expected, found, torch.cat(labels)


def _timings(files: Mapping[Format, Path], runs: Sequence[Run], progress: Progress | None) -> list[tuple[Timing, ...]]:
    calls = {index: (runtime, files[name]) for index, (name, runtime) in enumerate(runs)}
    by_threads = {
        threads: measure_files(
            calls, threads=threads, samples=_TIMED_SAMPLES, sessions=_TIMED_SESSIONS, progress=progress
        )
        for threads in TIMED_THREADS
    }
    return [
        tuple(Timing(threads=threads, measurement=measured[index]) for threads, measured in by_threads.items())
        for index in calls
    ]


def _lossy(
    files: Mapping[Format, Path], proofs: Sequence[FileProof], net_accuracy: float, test: Batches
) -> tuple[LossyFile, ...]:
    losers = {proof.parity.file for proof in proofs if net_accuracy - proof.accuracy > MAX_ACCURACY_LOSS}
    images = next(iter(test))[0][:_LAYER_IMAGES].cpu()
    return tuple(
        LossyFile(file=path.name, layers=layer_errors(files[base_format(name)], path, images)[:_NAMED_LAYERS])
        for name, path in files.items()
        if path.name in losers and not is_float32(name)
    )


def _accuracy(logits: Tensor, labels: Tensor) -> float:
    return float((logits.argmax(1) == labels).double().mean())
