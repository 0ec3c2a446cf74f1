"""From a net to a bundle of files that are proven to be the same net."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from attrs import frozen
from torch import Tensor, nn

from pnas_export.bundles.bundle import Bundle
from pnas_export.bundles.metadata import Metadata, write_metadata
from pnas_export.ground.raw_pixels import RawPixels
from pnas_export.proving.proof import prove
from pnas_export.quantizing.file_export import export_file
from pnas_export.quantizing.formats import FORMATS, Format, base_format, file_name
from pnas_ops import Architecture, Batches, FilePath, Progress, report_progress


def export_bundle(
    network: nn.Module,
    path: FilePath,
    formats: Sequence[Format],
    *,
    metadata: Metadata,
    test: Batches,
    calibration: Tensor | None = None,
    architecture: Architecture | None = None,
    cache: FilePath | None = None,
    log: FilePath | None = None,
    progress: Progress | None = None,
) -> Bundle:
    """Writes a net in all formats, proves every file on every installed runtime, and keeps them only if all pass.

    The bundle also gets the float32 file of each quantized one, which the proof compares with. What fails leaves
    nothing behind, and a bundle that stood at `path` as it was.

    Args:
        network: the net, in any mode, on any device; not changed.
        path: the bundle's folder; what a bundle had there before is replaced.
        formats: which files.
        metadata: labels and preprocessing; with `raw_pixels` the files normalize by themselves.
        test: batches of uint8 pixels (N, C, H, W) of test images in the net's size, and of their labels (N,).
        calibration: uint8 pixels (N, C, H, W) from the training split, for the formats that quantize activations.
        architecture: what the network is, where `pnas_ops` built it; without it a bundle cannot rebuild the net.
        cache: a folder that keeps what was converted; the same net is then not converted twice.
        log: a file that receives what converters print; dropped if None.
        progress: told about "exporting" and what `prove` tells.

    Raises:
        ParityError: for a float32 file that does not compute what the net does.
        ConversionError: naming the layer or the file that a converter refuses.
        ValueError: for an unknown format, and for calibration or test images that are missing or do not fit.
    """
    path = Path(path)
    for name in formats:
        if name not in FORMATS:
            raise ValueError(f"unknown format {name!r}: use some of {', '.join(FORMATS)}")
    wanted = [name for name in FORMATS if name in {*formats, *map(base_format, formats)}]
    module = RawPixels(network, metadata.preprocessing) if metadata.raw_pixels else network
    inputs = _Prepared(metadata, test)
    images = None if calibration is None else inputs.prepare(calibration)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        files = {name: Path(folder, file_name(name)) for name in wanted}
        for done, (name, file) in enumerate(files.items()):
            report_progress(progress, "exporting", done, len(files))
            export_file(
                module,
                metadata.preprocessing.input_shape,
                file,
                name,
                calibration=images,
                exact=files[base_format(name)],
                cache=cache,
                log=log,
            )
        report_progress(progress, "exporting", len(files), len(files))
        for file in files.values():
            write_metadata(file, metadata)
        proof = prove(module, files, inputs, progress=progress)
        return Bundle.save(path, network, metadata, list(files.values()), architecture=architecture, proof=proof)


@frozen
class _Prepared:
    """The test batches as the files take them."""

    metadata: Metadata
    test: Batches

    def prepare(self, pixels: Tensor) -> Tensor:
        if pixels.dtype != torch.uint8:
            raise ValueError(f"images must be uint8 pixels (N, C, H, W), got {pixels.dtype}")
        return pixels if self.metadata.raw_pixels else self.metadata.preprocessing(pixels)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return ((self.prepare(pixels), labels) for pixels, labels in self.test)

    def __len__(self) -> int:
        return len(self.test)
