"""PyTorch to TFLite."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from pnas_export.inference import check_input_shape, example_images, inference_copy
from pnas_export.quiet import converting
from pnas_ops import write_atomically


def export_tflite(
    module: nn.Module, input_shape: tuple[int, int, int, int], path: Path, *, log: Path | None = None
) -> None:
    """Writes the net as a float32 TFLite file: "args_0" (1, H, W, C) to "output_0" (1, classes).

    BatchNorm is folded into the convolutions and nothing is transposed. The module is copied, not changed.

    Args:
        module: the net, in any mode, on any device; a `RawPixels` makes a file that takes uint8.
        input_shape: (1, C, H, W), as PyTorch takes it.
        path: where to write, atomically.
        log: a file that receives what the converter prints; dropped if None.

    Raises:
        ValueError: for another input shape.
        ConversionError: naming the net, where the converter refuses it.
    """
    check_input_shape(input_shape)
    write_atomically(
        path, convert(module, [example_images(module, input_shape)], what=f"net {path.stem} to TFLite", log=log)
    )


def convert(module: nn.Module, examples: Sequence[Tensor], *, what: str, log: Path | None = None) -> bytes:
    """A TFLite model of a module of one or many inputs and outputs; those of 4 dimensions become channel-last.

    Args:
        module: called with `examples`; copied, not changed.
        examples: one input each, (1, C, H, W) or of fewer dimensions.
        what: what is converted, for the error message.
        log: a file that receives what the converter prints; dropped if None.

    Raises:
        ConversionError: naming `what`, where the converter refuses it.
    """
    module = inference_copy(module)
    with converting(what, log=log):
        import litert_torch

        results = module(*examples)
        outputs = [results] if isinstance(results, Tensor) else results
        wrapped = litert_torch.to_channel_last_io(module, args=_images(examples), outputs=_images(outputs)).eval()
        inputs = tuple(x.permute(0, 2, 3, 1).contiguous() if x.ndim == 4 else x for x in examples)
        content: bytes = litert_torch.convert(wrapped, inputs).model_content()
    return content


def _images(tensors: Sequence[Tensor]) -> list[int]:
    return [index for index, tensor in enumerate(tensors) if tensor.ndim == 4]
