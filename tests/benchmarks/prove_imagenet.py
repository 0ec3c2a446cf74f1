"""The proof table of the ImageNet space's biggest net, 224 pixels, random weights, on real photographs.

Run with `uv run python tests/benchmarks/prove_imagenet.py PHOTOS` on an idle machine; PHOTOS is a folder with one
sub-folder a class, or a zip file with such folders in it. Half of the photographs calibrate, half prove. Random weights
know no classes, so the label of a photograph is what the net itself says: accuracy is agreement.
"""

import tempfile
import zipfile
from pathlib import Path

import click
import torch
from rich.console import Console

from pnas_apps.ground.cache import find_cache
from pnas_apps.ground.progress import reporter_on_stdout
from pnas_apps.images.folders import read_image_folder
from pnas_apps.images.image_set import measure_preprocessing
from pnas_apps.showing.file_tables import proof_table
from pnas_apps.steps.reference_nets import biggest
from pnas_export import FORMATS, Metadata, export_bundle
from pnas_ops import build_network, imagenet_mbconv_space


@click.command()
@click.argument("photos", type=click.Path(exists=True, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("biggest"), help="Folder of the bundle.")
def main(photos: Path, out: Path) -> None:
    """Prints the proof table."""
    space = imagenet_mbconv_space()
    with tempfile.TemporaryDirectory() as folder, reporter_on_stdout() as reporter:
        if photos.suffix == ".zip":
            zipfile.ZipFile(photos).extractall(folder)
            photos = next(path for path in sorted(Path(folder).rglob("*")) if len(list(path.glob("*/*.jpg"))) > 1)
        images, _ = read_image_folder(photos, resolution=space.resolution, reporter=reporter)
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
        calibration, test = images.images[order[::2]], images.images[order[1::2]]
        architecture = biggest(space)
        network = build_network(architecture, generator=torch.Generator().manual_seed(0))
        preprocessing = measure_preprocessing(images)
        with torch.no_grad():
            for pixels in calibration.split(32):
                # Statistics of BatchNorm as after a training: without them the activations vanish.
                network(preprocessing(pixels))
            network.eval()
            labels = torch.cat([network(preprocessing(pixels)).argmax(1) for pixels in test.split(32)])
        with reporter.phases() as progress:
            bundle = export_bundle(
                network,
                out,
                FORMATS,
                metadata=Metadata(labels=tuple(map(str, range(space.classes))), preprocessing=preprocessing),
                test=list(zip(test.split(32), labels.split(32), strict=True)),
                calibration=calibration,
                architecture=architecture,
                cache=find_cache(None).conversions,
                progress=progress,
            )
        Console(width=80).print(proof_table(bundle.proof))


if __name__ == "__main__":
    main()
