"""Writing a converted file only if it computes the same as its net."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from pnas_export.ground.conversion import ConversionError
from pnas_export.ground.refused_layer import find_layer
from pnas_export.runtimes.checked_file import trial_file
from pnas_export.runtimes.comparison import FLOAT_TOLERANCE, ParityError, Tolerance
from pnas_export.runtimes.parity import verify_files
from pnas_ops import FilePath, write_atomically

Convert = Callable[[nn.Module, Sequence[Tensor]], bytes]
"""From a module and its inputs to the content of a file; raises ConversionError."""


def write_proven(
    path: FilePath,
    suffix: str,
    content: bytes,
    net: nn.Module,
    images: Tensor,
    *,
    tolerance: Tolerance,
    convert: Convert,
    batch: int,
) -> None:
    """Writes a float32 file, atomically, once it passes `verify_files`.

    Args:
        path: where to write.
        suffix: of the format, whatever the path ends with.
        content: of the file.
        net: the converted net.
        images: for the comparison, (N, C, H, W).
        tolerance: see `verify_files`.
        convert: made the content; used to find the layer that it gets wrong.
        batch: number of images that `convert` takes.

    Raises:
        ParityError: naming the layer that is converted wrongly, if found; nothing is written.
    """
    name = Path(path).stem + suffix

    def passes(part: nn.Module, content: bytes, given: Tensor, tolerance: Tolerance) -> None:
        with trial_file(name, content) as file:
            verify_files(part, [file], given, tolerance=tolerance)

    def differs(part: nn.Module, given: Sequence[Tensor]) -> bool:
        if len(given) != 1 or given[0].ndim != 4:
            return False  # Runtimes take images.
        try:
            # The outputs of a layer have other names than those of the net.
            alone = FLOAT_TOLERANCE if isinstance(tolerance, Mapping) else tolerance
            passes(part, convert(part, given), given[0], alone)
        except ParityError:
            return True
        except ConversionError:
            return False
        return False

    try:
        passes(net, content, images, tolerance)
    except ParityError as error:
        culprit, layer = find_layer(net, [images[:batch]], differs)
        of = f"; the converter gets layer {culprit!r} ({type(layer).__name__}) wrong" if culprit else ""
        raise ParityError(
            f"{error.what}{of}", "write it with other operators, or pass images as the net knows them (images=)"
        ) from error
    write_atomically(path, content)
