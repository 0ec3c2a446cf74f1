"""Choosing the layers of an int8 file that stay float32: the fewest with which it loses little."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from torch import Tensor

from pnas_export.ground.scratch import scratch_folder
from pnas_export.quantizing.formats import Format
from pnas_export.quantizing.int8_file import write_int8_file
from pnas_export.quantizing.judging import accuracy, check_batches, lost, mean_score
from pnas_export.quantizing.layer_errors import LayerError, relative_error
from pnas_export.quantizing.layers_in_files import layers_in_file
from pnas_export.runtimes.parity import suitable_runtimes
from pnas_export.runtimes.runtime import LoadedFile
from pnas_ops import Batches, FilePath, Progress, Score, report_progress

MAX_ACCURACY_LOSS = 0.01
"""Of accuracy or score, for a quantized file; if it loses more, its proof names the layers of the largest errors."""

KeepFloat = Sequence[str] | int | Literal["auto"]
"""Layers by name; a number of layers, the worst first; or the fewest with which a file loses `MAX_ACCURACY_LOSS`."""

_COMPARED_IMAGES = 32


def single_layer_errors(
    exact: FilePath, images: Tensor, *, log: FilePath | None = None, progress: Progress | None = None
) -> tuple[LayerError, ...]:
    """The error of a net's outputs if only one layer is int8, for every layer, the largest error first.

    The errors of several outputs are averaged.

    Unlike in `layer_errors`, the errors are each layer's own: of its inputs, weights and outputs.

    Args:
        exact: a float32 file of `export_tflite` or `export_onnx`.
        images: (N, C, H, W) from the training split, as the file takes them, 16 or more; the first 32 are used.
        log: a file that receives what the quantizers print; dropped if None.
        progress: told about "trying layers in int8".

    Raises:
        ValueError, ConversionError: as `quantize_tflite` and `quantize_onnx`.
    """
    exact, images = Path(exact), images[:_COMPARED_IMAGES]
    layers = layers_in_file(exact)
    outputs = _load(exact).outputs(images)
    format_: Format = "tflite-int8-float-io" if exact.suffix == ".tflite" else "onnx-int8"
    errors = []
    with scratch_folder() as folder:
        for done, layer in enumerate(layers):
            report_progress(progress, "trying layers in int8", done, len(layers))
            file = Path(folder, f"{done}{exact.suffix}")
            others = [other for other in layers if other != layer]
            write_int8_file(exact, file, format_, calibration=images, keep_float=others, log=log)
            found = _load(file).outputs(images)
            errors.append(LayerError(layer=layer, relative_error=_mean_error(found, outputs)))
    report_progress(progress, "trying layers in int8", len(layers), len(layers))
    return tuple(sorted(errors, key=lambda error: -error.relative_error))


def choose_float_layers(
    exact: FilePath,
    format_: Format,
    *,
    calibration: Tensor,
    test: Batches,
    original: FilePath | None = None,
    score: Score = accuracy,
    max_loss: float = MAX_ACCURACY_LOSS,
    log: FilePath | None = None,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """The layers that must stay float32 for an int8 file to lose little: as few as possible, by largest own error.

    The number of layers is doubled until the file is good enough, then bisected.

    Args:
        exact: the float32 file.
        format_: of the int8 file.
        calibration: images of the training split, as for `quantize_tflite`.
        test: batches of images, as the files take them, and of their labels (N,), or whatever targets `score` takes.
        original: the float32 file to compare with, if `exact` has other weights; `exact` if None.
        score: of a tuple of a file's outputs for a batch, and its targets; its mean over images is what must not be
            lost. The default is accuracy.
        max_loss: the largest acceptable loss of the score.
        log: a file that receives what the quantizers print; dropped if None.
        progress: told about "trying layers in int8" and "trying layers in float32".

    Raises:
        ValueError, ConversionError: as `quantize_tflite` and `quantize_onnx`.
    """
    exact = Path(exact)
    check_batches(test)
    wanted = mean_score(_load(Path(original or exact)), test, score)
    errors = single_layer_errors(exact, calibration, log=log, progress=progress)
    worst = tuple(error.layer for error in errors)
    tried, most_tried = 0, 1 + 2 * len(worst).bit_length()

    def is_enough(count: int) -> bool:
        nonlocal tried
        report_progress(progress, "trying layers in float32", tried, most_tried)
        tried += 1
        if count == len(worst):
            return True
        with scratch_folder() as folder:
            file = Path(folder, f"int8{exact.suffix}")
            write_int8_file(exact, file, format_, calibration=calibration, keep_float=worst[:count], log=log)
            return lost(wanted, mean_score(_load(file), test, score)) <= max_loss

    count = _fewest(is_enough, len(worst))
    report_progress(progress, "trying layers in float32", most_tried, most_tried)
    return worst[:count]


def float_layers(
    keep_float: KeepFloat,
    exact: FilePath,
    format_: Format,
    *,
    calibration: Tensor,
    test: Batches,
    original: FilePath | None = None,
    score: Score = accuracy,
    log: FilePath | None = None,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """The names of the layers for `keep_float`; the other arguments are those of `choose_float_layers`."""
    if keep_float == "auto":
        return choose_float_layers(
            exact,
            format_,
            calibration=calibration,
            test=test,
            original=original,
            score=score,
            log=log,
            progress=progress,
        )
    if isinstance(keep_float, int):
        layers = len(layers_in_file(Path(exact)))
        if not 0 <= keep_float <= layers:
            raise ValueError(f"the net has {layers} layers: {keep_float} of them cannot stay in float32")
        if not keep_float:
            return ()
        errors = single_layer_errors(exact, calibration, log=log, progress=progress)
        return tuple(error.layer for error in errors[:keep_float])
    return tuple(keep_float)


def _fewest(is_enough: Callable[[int], bool], most: int) -> int:
    """The smallest number that is enough, assuming that more are never worse; `most` always are enough."""
    if is_enough(0):
        return 0
    too_few, enough = 0, 1
    while enough < most and not is_enough(enough):
        too_few, enough = enough, min(2 * enough, most)
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if is_enough(middle):
            enough = middle
        else:
            too_few = middle
    return enough


def _mean_error(found: Sequence[Tensor], exact: Sequence[Tensor]) -> float:
    """The mean relative error over the outputs and the images."""
    pairs = [pair for two in zip(found, exact, strict=True) for pair in zip(*(one.numpy() for one in two), strict=True)]
    return sum(relative_error(*pair) for pair in pairs) / len(pairs)


def _load(file: Path) -> LoadedFile:
    return suitable_runtimes(file)[0].load(file)
