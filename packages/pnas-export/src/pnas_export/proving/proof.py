"""What is known of the files of one net, beside PyTorch and beside one another, as plain data."""

from attrs import frozen

from pnas_export.proving.proof_table import file_cells, proof_as_html, proof_as_text, shown_quality
from pnas_export.quantizing.layer_errors import LayerError
from pnas_export.runtimes.comparison import Parity
from pnas_ops import Measurement


@frozen(kw_only=True)
class Timing:
    """The latency of a file for one image; as text in milliseconds, and whether these did not come out alike again."""

    threads: int
    measurement: Measurement

    def __str__(self) -> str:
        noisy = " noisy" if self.measurement.noisy else ""
        return f"{self.measurement.latency_ms:.3g}{noisy}"


@frozen(kw_only=True, repr=False)
class FileProof:
    """A file on a runtime.

    Attributes:
        parity: its outputs beside PyTorch's.
        accuracy: share of the test images that it puts into their class; None where it was not judged so.
        score: by the function that was given, the mean over the test images; None where none was.
        size_bytes: of the file.
        timings: for each number of threads.
        peak_memory_bytes: what loading and running it takes beside the runtime itself.
    """

    parity: Parity
    accuracy: float | None
    score: float | None = None
    size_bytes: int
    timings: tuple[Timing, ...]
    peak_memory_bytes: int

    def __repr__(self) -> str:
        file, runtime, difference, _, accuracy, latencies, size, _ = file_cells(self)
        name = "accuracy" if self.accuracy is not None else "score"
        quality = f"{name} {accuracy}, " if accuracy else ""
        return f"FileProof({file} on {runtime}: {quality}{difference} off, {latencies} ms, {size})"

    @property
    def quality(self) -> str:
        """Accuracy or score, as a table shows it; empty where neither is known."""
        return shown_quality(self.accuracy, self.score)


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
        net_accuracy: of the net itself in PyTorch, in float32; None where it was not judged so.
        net_score: the same, by the function that was given; None where none was.
        files: every file on every installed runtime that runs it.
        refused: files that a runtime does not load though it supports their kind; another one does.
        lossy: the quantized files that are clearly worse than the net.
        adjusted: the int8 files that have layers in float32, or weights of their own.
        basis_sha256: of the test images and how they judge, by which `prove` knows what it need not prove again; None
            where a user's own function judged, and in files of earlier versions.
    """

    processor: str
    images: int
    net_accuracy: float | None
    net_score: float | None = None
    files: tuple[FileProof, ...]
    refused: tuple[Refusal, ...] = ()
    lossy: tuple[LossyFile, ...] = ()
    adjusted: tuple[AdjustedFile, ...] = ()
    basis_sha256: str | None = None

    def __repr__(self) -> str:
        files = len({one.parity.file for one in self.files})
        quality = self.net_quality
        said = f"{'accuracy' if self.net_accuracy is not None else 'score'} {quality}, " if quality else ""
        return f"Proof({files} files on {self.images} images, {said}{self.processor})"

    def __str__(self) -> str:
        return proof_as_text(self)

    @property
    def net_quality(self) -> str:
        """Accuracy or score of the net, as a table shows it; empty where neither is known."""
        return shown_quality(self.net_accuracy, self.net_score)

    def _repr_html_(self) -> str:
        return proof_as_html(self)
