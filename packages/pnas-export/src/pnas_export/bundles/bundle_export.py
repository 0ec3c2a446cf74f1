"""Exports a net as a bundle of files that are proven to compute the same."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Literal

import torch
from attrs import evolve, frozen
from torch import Tensor, nn

from pnas_export.bundles.adjustment import Adjustment, adjust, check_adjustments
from pnas_export.bundles.bundle import Bundle, staged_bundle, unchanged_proof, write_documents
from pnas_export.bundles.fitting import check_fit
from pnas_export.bundles.metadata import Metadata, write_metadata
from pnas_export.bundles.sample import choose_sample
from pnas_export.ground.raw_pixels import RawPixels
from pnas_export.ground.scratch import scratch_folder
from pnas_export.proving.prove import prove
from pnas_export.quantizing.file_export import export_file
from pnas_export.quantizing.formats import FORMATS, Format, base_format, file_name
from pnas_export.quantizing.judging import check_batches
from pnas_export.runtimes.comparison import FLOAT_TOLERANCE, Tolerance
from pnas_ops import Architecture, Batches, FilePath, Progress, Score, report_progress


def export_bundle(
    network: nn.Module,
    path: FilePath,
    formats: Sequence[Format],
    *,
    metadata: Metadata,
    test: Batches,
    score: Score | Literal["auto"] | None = "auto",
    tolerance: Tolerance = FLOAT_TOLERANCE,
    calibration: Tensor | None = None,
    adjustments: Mapping[Format, Adjustment] | None = None,
    architecture: Architecture | None = None,
    cache: FilePath | None = None,
    log: FilePath | None = None,
    progress: Progress | None = None,
) -> Bundle:
    """Writes a net in all formats, proves every file on every installed runtime, and keeps them only if all pass.

    The bundle also gets the float32 file of each quantized one, which the proof compares with. A failure leaves nothing
    behind, and a previous bundle at `path` unchanged. For files that are byte for byte in the previous bundle, the
    proof is reused if `prove` can (its `known`), so that one more format needs only its own proof.

    Args:
        network: the net, in any mode, on any device; not changed.
        path: the bundle's folder; the files of a previous bundle are replaced, all others kept.
        formats: of the files.
        metadata: labels and preprocessing; with `raw_pixels` the files normalize by themselves. Its `outputs` are
            filled in.
        test: batches of uint8 pixels (N, C, H, W) of test images in the net's size, and of their labels (N,), or of
            other targets with a row for each image.
        score: of the net's result for a batch and its targets, see `prove`; "auto" is accuracy if the net gives logits
            (N, classes) that have labels, else None, which means only parity.
        tolerance: of the float32 files, relative to the largest value of an output, for all outputs or by name.
        calibration: uint8 pixels (N, C, H, W) from the training split, for the formats that quantize activations.
        adjustments: of int8 files, if rounding alone loses too much: layers that stay float32, fine-tuned weights. The
            proof lists them; it still compares with `network`.
        architecture: of the network, if `pnas_ops` built it; without it a bundle cannot rebuild the net.
        cache: a folder for converted files; the same net is then not converted twice.
        log: a file that receives what converters print; dropped if None.
        progress: told about "exporting" and what `prove` reports.

    Raises:
        ParityError: for a float32 file that does not compute what the net does.
        ConversionError: naming the layer or the file that a converter refuses.
        LabelError: for labels of the metadata or of the test images that do not fit the outputs, before any conversion.
        NetError: for a net that cannot be exported as it is.
        ValueError: for no format or an unknown one, and for calibration or test images that are missing or do not fit.
    """
    if not formats:
        raise ValueError(f"a bundle needs at least one format: use some of {', '.join(FORMATS)}")
    for name in formats:
        if name not in FORMATS:
            raise ValueError(f"unknown format {name!r}: use some of {', '.join(FORMATS)}")
    wanted = [name for name in FORMATS if name in {*formats, *map(base_format, formats)}]
    adjustments = adjustments or {}
    check_batches(test)
    if score == "auto" and not metadata.labels:
        score = None
    module = _from_pixels(network, metadata)
    inputs = _Prepared(metadata, test)
    images = None if calibration is None else inputs.prepare(calibration)
    metadata, file_score = check_fit(module, metadata, inputs, score=score, tolerance=tolerance)
    check_adjustments(adjustments, wanted, scored=file_score is not None)
    with staged_bundle(path) as folder, scratch_folder() as scratch:
        files = {name: folder / file_name(name) for name in wanted}
        export = partial(
            export_file, input_shape=metadata.preprocessing.input_shape, tolerance=tolerance, cache=cache, log=log
        )
        adjusted = []
        for done, (name, file) in enumerate(files.items()):
            report_progress(progress, "exporting", done, len(files))
            exact, kept = files[base_format(name)], tuple[str, ...]()
            if name in adjustments and images is not None:
                exact, made = adjust(
                    adjustments[name],
                    exact,
                    name,
                    scratch,
                    lambda tuned, path: export(
                        _from_pixels(tuned, metadata), path=path, format_="onnx" if path.suffix == ".onnx" else "tflite"
                    ),
                    calibration=images,
                    test=inputs,
                    score=file_score,
                    log=log,
                    progress=progress,
                )
                kept = made.float_layers
                adjusted.append(made)
            export(module, path=file, format_=name, calibration=images, exact=exact, keep_float=kept)
        report_progress(progress, "exporting", len(files), len(files))
        for file in files.values():
            write_metadata(file, metadata)
        proof = evolve(
            prove(
                module,
                files,
                inputs,
                score=score,
                tolerance=tolerance,
                known=unchanged_proof(path, files.values()),
                progress=progress,
            ),
            adjusted=tuple(adjusted),
        )
        write_documents(
            folder,
            network,
            metadata,
            architecture=architecture,
            proof=proof,
            sample=choose_sample(module, metadata, test),
        )
    return Bundle(path)


def _from_pixels(network: nn.Module, metadata: Metadata) -> nn.Module:
    return RawPixels(network, metadata.preprocessing) if metadata.raw_pixels else network


@frozen
class _Prepared:
    """The test batches as the files take them."""

    metadata: Metadata
    test: Batches

    def prepare(self, pixels: Tensor) -> Tensor:
        if pixels.dtype != torch.uint8:
            raise ValueError(f"images must be uint8 pixels (N, C, H, W), got {pixels.dtype}")
        return pixels if self.metadata.raw_pixels else self.metadata.preprocessing(pixels).contiguous()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return ((self.prepare(pixels), labels) for pixels, labels in self.test)

    def __len__(self) -> int:
        return len(self.test)
