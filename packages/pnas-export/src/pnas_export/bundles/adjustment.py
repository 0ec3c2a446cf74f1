"""Adjustments of a bundle's int8 file, if rounding alone loses too much."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from attrs import frozen
from torch import Tensor, nn

from pnas_export.proving.proof import AdjustedFile
from pnas_export.quantizing.float_layers import KeepFloat, float_layers
from pnas_export.quantizing.formats import CALIBRATED_FORMATS, Format, file_name
from pnas_export.quantizing.judging import accuracy
from pnas_ops import Batches, FilePath, Progress, Score


@frozen(kw_only=True, eq=False)
class Adjustment:
    """How an int8 file is made.

    Attributes:
        keep_float: which layers stay float32; "auto" chooses them by accuracy or score on the test images.
        network: the net with fine-tuned weights (`FakeQuantized`) that this file is made from; that of the bundle if
            None.
    """

    keep_float: KeepFloat = ()
    network: nn.Module | None = None


def check_adjustments(adjustments: Mapping[Format, Adjustment], formats: Collection[Format], *, scored: bool) -> None:
    """Raises ValueError for a format that is not exported or not int8, and for "auto" without a score."""
    for name, adjustment in adjustments.items():
        if adjustment.keep_float == "auto" and not scored:
            raise ValueError(
                "keep_float='auto' needs an accuracy or a score, and there is none: pass score=, or layers"
            )
        if name not in formats or name not in CALIBRATED_FORMATS:
            raise ValueError(f"{name!r} cannot be adjusted: export one of {', '.join(CALIBRATED_FORMATS)}")


def adjust(
    adjustment: Adjustment,
    original: Path,
    format_: Format,
    scratch: Path,
    convert: Callable[[nn.Module, Path], None],
    *,
    calibration: Tensor,
    test: Batches,
    score: Score | None,
    log: FilePath | None,
    progress: Progress | None,
) -> tuple[Path, AdjustedFile]:
    """The float32 file that an int8 file is made from, and which of its layers stay float32.

    Args:
        adjustment: of the int8 file.
        original: the float32 file of the net.
        format_: of the int8 file.
        scratch: a folder for a file that is no longer needed once the int8 file is made.
        convert: writes the float32 file of another net.
        calibration: images, as the files take them.
        test: batches of images, as the files take them, and labels.
        score: of a file's outputs; may be None only if no layers are chosen by it.
        log, progress: as for `choose_float_layers`.
    """
    exact = original
    if adjustment.network is not None:
        exact = scratch / f"fine-tuned-{original.name}"
        convert(adjustment.network, exact)
    kept = float_layers(
        adjustment.keep_float,
        exact,
        format_,
        calibration=calibration,
        test=test,
        original=original,
        score=score or accuracy,
        log=log,
        progress=progress,
    )
    fine_tuned = adjustment.network is not None
    return exact, AdjustedFile(file=file_name(format_), float_layers=kept, fine_tuned=fine_tuned)
