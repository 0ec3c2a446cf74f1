"""A test image that comes with the files, and their outputs for it."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import field, frozen
from PIL import Image
from torch import Tensor, nn

from pnas_export.bundles.interface import Interface, read_interface
from pnas_export.bundles.metadata import Metadata
from pnas_export.ground.inference_copy import inference_copy
from pnas_export.ground.outputs import output_tensors
from pnas_export.proving.labels import are_classes
from pnas_export.runtimes.parity import load_on_runtimes
from pnas_ops import Batches

SAMPLE_PICTURE, SAMPLE_OUTPUTS = "sample.png", "sample.json"
SHOWN_VALUES = 16
_CANDIDATES = 64


@frozen(kw_only=True, eq=False)
class Sample:
    """An image of a known class, to try a file with.

    Attributes:
        pixels: uint8, (C, H, W), in the net's size.
        label: index of its class; None if there are no classes of images.
    """

    pixels: Tensor
    label: int | None = None


@frozen(kw_only=True)
class FileOutput:
    """The output of a file for the sample.

    Attributes:
        runtime: the runtime that ran it.
        interface: the inputs and outputs of the file.
        label: the class of the largest logit; None, like the next two, for a net that gives no logits of images.
        probability: of that class, after softmax.
        logits: in the order of the labels; for an int8 output, scale * (integer - zero_point).
        outputs: for any other net, up to 16 values of each output by name, evenly spaced from the first to the last in
            the file's order; for an int8 output, scale * (integer - zero_point).
    """

    runtime: str
    interface: Interface
    label: str | None = None
    probability: float | None = None
    logits: tuple[float, ...] | None = None
    outputs: dict[str, tuple[float, ...]] | None = None


@frozen(kw_only=True)
class SampleOutputs:
    """sample.json.

    Attributes:
        picture: name of the image's file.
        label: its class; None if there are no classes of images.
        files: the outputs of the files, by name.
    """

    picture: str = field(default=SAMPLE_PICTURE)
    label: str | None
    files: dict[str, FileOutput]


def choose_sample(module: nn.Module, metadata: Metadata, test: Batches) -> Sample:
    """The one of the first test images that the net classifies most clearly; the first if there is none, or no classes.

    The logit of its class is far above the others, so no file should give another class.

    Args:
        module: the net that was exported, or a `RawPixels`.
        metadata: of its files.
        test: batches of uint8 pixels (N, C, H, W) and labels (N,), or other targets.
    """
    pixels, labels = (part[:_CANDIDATES].cpu() for part in next(iter(test)))
    images = pixels if metadata.raw_pixels else metadata.preprocessing(pixels)
    with torch.no_grad():
        logits = output_tensors(inference_copy(module)(images))[0]
    if not (metadata.classifies and are_classes(labels, rows=logits)):
        return Sample(pixels=pixels[0])
    of_class = logits.gather(1, labels[:, None])
    best_other = logits.scatter(1, labels[:, None], -torch.inf).amax(1, keepdim=True)
    margins = (of_class - best_other).squeeze(1)
    best = int(margins.argmax()) if margins.max() > 0 else 0
    return Sample(pixels=pixels[best], label=int(labels[best]))


def sample_outputs(sample: Sample, metadata: Metadata, files: Sequence[Path]) -> SampleOutputs:
    """The output of each file for the sample, on the first installed runtime that loads it.

    Raises:
        ValueError: for a file that none of them loads.
    """
    pixels = sample.pixels[None]
    images = pixels if metadata.raw_pixels else metadata.preprocessing(pixels)
    found = {}
    for file in files:
        loaded, _ = load_on_runtimes(file)
        runtime, model = next(iter(loaded.items()))
        said = _class(model(images)[0], metadata) if metadata.classifies else _values(model.outputs(images), file)
        found[file.name] = FileOutput(
            runtime=f"{runtime.name} {runtime.version}", interface=read_interface(file), **said
        )
    return SampleOutputs(label=None if sample.label is None else metadata.labels[sample.label], files=found)


def _class(logits: Tensor, metadata: Metadata) -> dict[str, Any]:
    best = int(logits.argmax())
    return {
        "label": metadata.labels[best],
        "probability": float(logits.softmax(0)[best]),
        "logits": tuple(logits.tolist()),
    }


def _values(outputs: Sequence[Tensor], file: Path) -> dict[str, Any]:
    names = [port.name for port in read_interface(file).outputs]
    found = {}
    for name, values in zip(names, outputs, strict=True):
        channel_last = file.suffix == ".tflite" and values.ndim == 4
        flat = (values.permute(0, 2, 3, 1) if channel_last else values).reshape(-1)
        places = np.linspace(0, len(flat) - 1, min(SHOWN_VALUES, len(flat))).round().astype(int)
        found[name] = tuple(flat[torch.from_numpy(places)].double().tolist())
    return {"outputs": found}


def as_png(pixels: Tensor) -> bytes:
    """Pixels, uint8, (1 or 3, H, W), as a PNG file, which is lossless."""
    array = pixels.permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array).save(file, "PNG")
    return file.getvalue()
