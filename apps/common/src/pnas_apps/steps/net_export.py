"""The files of one net of a run, and the proof that they are right."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from pnas_apps.images.source import ImageSource
from pnas_apps.run.folder import holds_bundle
from pnas_apps.run.run import Run
from pnas_export import (
    FORMATS,
    Adjustment,
    Bundle,
    Format,
    Metadata,
    export_bundle,
    file_name,
)
from pnas_ops import Architecture, PnasError, read_weights

CALIBRATION_IMAGES = 512


def export_network(
    run: Run,
    network: nn.Module,
    architecture: Architecture,
    path: Path,
    formats: Sequence[Format],
    *,
    adjustments: Mapping[Format, Adjustment] | None = None,
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
        adjustments: of int8 files.
        raw_pixels: whether the files take uint8 pixels and normalize by themselves.
        images: test images to prove with, spread over all; all of them if None.
        calibration_images: training images that show the ranges of activations, spread over all.

    Raises:
        ParityError, ConversionError, ValueError: as `export_bundle`.
    """
    run = run.sized_for(architecture)
    train, test = run.task.train, spread(run.task.test, images)
    with run.reporter.phases() as progress:
        return export_bundle(
            network,
            path,
            formats,
            metadata=Metadata(labels=train.classes, preprocessing=run.preprocessing, raw_pixels=raw_pixels),
            test=run.pixel_batches(test),
            calibration=run.pixels(spread(train, calibration_images)),
            adjustments=adjustments,
            architecture=architecture,
            cache=run.cache.conversions,
            log=run.folder.converter_log,
            progress=progress,
        )


def kept_bundle(network: nn.Module, path: Path, tell: Callable[[str], None]) -> Bundle | None:
    """The bundle of a net that is there; None where there is none, or one that is damaged or of other weights.

    Args:
        network: with its weights.
        path: the bundle's folder.
        tell: is given a line that says which of them.
    """
    if not holds_bundle(path):
        return None
    try:
        bundle = Bundle.load(path)
        _ = bundle.metadata, bundle.proof, bundle.architecture  # of this version
        found = read_weights(path / "weights.safetensors")
    except PnasError as error:
        what = error.what
    else:
        now = network.state_dict()
        if now.keys() == found.keys() and all(torch.equal(now[name].cpu(), found[name]) for name in now):
            return bundle
        what = f"{path} is of other weights"
    tell(f"  {what}: it is exported again")
    return None


def formats_in(path: Path) -> list[Format]:
    """The formats of all files that a bundle has, or had before it was damaged."""
    if not holds_bundle(path):
        return []
    try:
        names = {file.name for file in Bundle(path).files}
    except PnasError:
        names = set()
    return [one for one in FORMATS if file_name(one) in names or (path / file_name(one)).exists()]


def takes_raw_pixels(path: Path) -> bool:
    """Whether the files of a bundle take raw pixels, as far as a damaged one says it; those of no bundle do not."""
    try:
        return holds_bundle(path) and Bundle(path).metadata.raw_pixels
    except (OSError, PnasError):
        return False


def spread(images: ImageSource, count: int | None) -> ImageSource:
    """At most `count` of the images, evenly over all, which stand in the order of their classes."""
    if count is None or count >= len(images):
        return images
    return images.subset(torch.linspace(0, len(images) - 1, count).long())
