"""The files of a run's nets, and the proof that they are right."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pnas_apps.images.source import ImageSource
from pnas_apps.run.run import Run
from pnas_export import (
    Bundle,
    Format,
    Metadata,
    ParityError,
    export_bundle,
    export_onnx,
    export_tflite,
    file_name,
    quantize_tflite,
    verify,
)
from pnas_ops import Architecture

CALIBRATION_IMAGES = 512
REFERENCE_IMAGES = 256


def export_network(
    run: Run,
    network: nn.Module,
    architecture: Architecture,
    path: Path,
    formats: Sequence[Format],
    *,
    raw_pixels: bool = False,
    images: int | None = None,
    calibration_images: int = CALIBRATION_IMAGES,
) -> Bundle:
    """A bundle of a net, proven on the run's test images and calibrated on its training images.

    Args:
        run: whose images they are.
        network: with the weights of `architecture`.
        architecture: what the network is.
        path: the bundle's folder.
        formats: which files.
        raw_pixels: whether the files take uint8 pixels and normalize by themselves.
        images: test images to prove with, spread over all; all of them if None.
        calibration_images: training images that show the ranges of activations, spread over all.

    Raises:
        ParityError, ConversionError, ValueError: as `export_bundle`.
    """
    train, test = run.task.train, spread(run.task.test, images)
    with run.reporter.phases() as progress:
        return export_bundle(
            network,
            path,
            formats,
            metadata=Metadata(labels=train.classes, preprocessing=run.preprocessing, raw_pixels=raw_pixels),
            test=run.pixel_batches(test),
            calibration=run.pixels(spread(train, calibration_images)),
            architecture=architecture,
            cache=run.conversions,
            log=run.folder.converter_log,
            progress=progress,
        )


def export_reference(run: Run, network: nn.Module, name: str, format_: Format) -> Path:
    """The file of a net that is there to compare with, checked on some test images.

    Args:
        run: whose images they are.
        network: with its weights.
        name: of the net.
        format_: "tflite", "tflite-int8" or "onnx".

    Raises:
        ParityError: for a file that does not compute what its net does; it is deleted.
    """
    path = run.folder.network(name).file(file_name(format_))
    images = run.preprocessing(run.pixels(spread(run.task.test, REFERENCE_IMAGES)))
    if not path.exists():
        with run.reporter.bar(f"exporting the {name} net", 1) as advance:
            _write(run, network, path, format_)
            advance()
    try:
        if format_.endswith("int8"):
            verify(network, [path], images, tolerance=None)
        else:
            verify(network, [path], images)
    except ParityError:
        path.unlink()
        raise
    return path


def _write(run: Run, network: nn.Module, path: Path, format_: Format) -> None:
    common: dict[str, Any] = {"cache": run.conversions, "log": run.folder.converter_log}
    shape = run.preprocessing.input_shape
    if format_ == "onnx":
        export_onnx(network, shape, path, **common)
        return
    exact = path.with_name(file_name("tflite"))
    export_tflite(network, shape, exact, **common)
    if format_ == "tflite-int8":
        calibration = run.preprocessing(run.pixels(spread(run.task.train, CALIBRATION_IMAGES)))
        quantize_tflite(exact, path, "int8", calibration=calibration, log=run.folder.converter_log)


def spread(images: ImageSource, count: int | None) -> ImageSource:
    """At most `count` of the images, evenly over all, which stand in the order of their classes."""
    if count is None or count >= len(images):
        return images
    return images.subset(torch.linspace(0, len(images) - 1, count).long())
