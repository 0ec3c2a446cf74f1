"""The files of one net of a run, and the proof that they are right."""

from collections.abc import Sequence
from pathlib import Path

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
    export_file,
    file_name,
    verify_files,
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
            cache=run.cache.conversions,
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
    quantized = format_.endswith("int8")
    if not path.exists():
        calibration = None
        if quantized:
            calibration = run.preprocessing(run.pixels(spread(run.task.train, CALIBRATION_IMAGES)))
        with run.reporter.bar(f"exporting the {name} net", 1) as advance:
            export_file(
                network,
                run.preprocessing.input_shape,
                path,
                format_,
                calibration=calibration,
                cache=run.cache.conversions,
                log=run.folder.converter_log,
            )
            advance()
    try:
        if quantized:
            verify_files(network, [path], images, tolerance=None)
        else:
            verify_files(network, [path], images)
    except ParityError:
        path.unlink()
        raise
    return path


def spread(images: ImageSource, count: int | None) -> ImageSource:
    """At most `count` of the images, evenly over all, which stand in the order of their classes."""
    if count is None or count >= len(images):
        return images
    return images.subset(torch.linspace(0, len(images) - 1, count).long())
