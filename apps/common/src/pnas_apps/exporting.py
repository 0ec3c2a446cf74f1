"""The files of a run's nets, and the proof that they are right."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from pnas_apps.images import ImageSet
from pnas_apps.run import Run
from pnas_export import Bundle, Format, Metadata, ParityError, export_bundle, export_tflite, verify
from pnas_ops import Architecture

CALIBRATION_IMAGES = 512
REFERENCE_IMAGES = 256
_BATCH = 256


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
            test=pixel_batches(test),
            calibration=spread(train, calibration_images).images,
            architecture=architecture,
            cache=run.conversions,
            log=run.folder.converter_log,
            progress=progress,
        )


def export_reference(run: Run, network: nn.Module, name: str) -> Path:
    """The TFLite file of a net that is there to compare with, checked on some test images.

    Raises:
        ParityError: for a file that does not compute what its net does; it is deleted.
    """
    path = run.folder.network(name).tflite
    images = run.preprocessing(spread(run.task.test, REFERENCE_IMAGES).images)
    if not path.exists():
        with run.reporter.bar(f"exporting the {name} net", 1) as advance:
            export_tflite(
                network, run.preprocessing.input_shape, path, cache=run.conversions, log=run.folder.converter_log
            )
            advance()
    try:
        verify(network, [path], images)
    except ParityError:
        path.unlink()
        raise
    return path


def pixel_batches(images: ImageSet) -> list[tuple[Tensor, Tensor]]:
    """The images as uint8 pixels (N, C, H, W), with their labels (N,), in order."""
    return list(zip(torch.split(images.images, _BATCH), torch.split(images.labels, _BATCH), strict=True))


def spread(images: ImageSet, count: int | None) -> ImageSet:
    """At most `count` of the images, evenly over all, which stand in the order of their classes."""
    if count is None or count >= len(images):
        return images
    return images.subset(torch.linspace(0, len(images) - 1, count).long())
