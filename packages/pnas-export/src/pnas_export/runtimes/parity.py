"""The proof that an exported file computes what the net computes."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from attrs import frozen
from torch import Tensor, nn

from pnas_export.ground.inference_copy import inference_copy
from pnas_export.ground.outputs import output_tensors
from pnas_export.runtimes.installed_runtimes import installed_runtimes
from pnas_export.runtimes.runtime import LoadedFile, Runtime
from pnas_ops import FilePath, PnasError

FLOAT_TOLERANCE = 1e-4
"""Largest difference, relative to the largest logit, that a float32 file may have."""


class ParityError(PnasError, ValueError):
    """A file whose outputs are not those of the net."""


@frozen(kw_only=True)
class Parity:
    """How far a file on one runtime is from PyTorch, over some images.

    Attributes:
        file: name of the file, without its folder.
        images: number of images compared.
        max_abs_difference: largest difference of a logit, or of any other value where the net has several outputs.
        max_relative_difference: the same, divided by the largest absolute value of its output.
        top1_agreement: fraction of the images that get the same class, by the first output.
    """

    file: str
    runtime: str
    runtime_version: str
    images: int
    max_abs_difference: float
    max_relative_difference: float
    top1_agreement: float


def verify_files(
    module: nn.Module, files: Sequence[FilePath], images: Tensor, *, tolerance: float | None = FLOAT_TOLERANCE
) -> tuple[Parity, ...]:
    """Runs every file on every installed runtime that supports it and compares with PyTorch in float32.

    A runtime that does not support a file (`Runtime.supports`), or does not load it where another one does, has no
    entry for it in the result. Of a net of several outputs each is compared.

    Args:
        module: the net that was exported; not changed.
        files: exported files.
        images: (N, C, H, W), preprocessed as for the net; uint8 for a `RawPixels`.
        tolerance: largest relative difference that passes: the default is for float32 files, and None, for quantized
            ones, only reports.

    Raises:
        ParityError: naming file, runtime, difference and bound, for the first file that is further off, or whose
            logits are not finite.
        ValueError: for no files or images, or a file that no installed runtime runs.
    """
    if not files:
        raise ValueError("verify_files needs at least one file")
    if not len(images):
        raise ValueError("verify_files needs at least one image")
    images = images.detach().cpu().contiguous()
    # A net that starts from raw pixels takes them as they are.
    images = images if images.dtype == torch.uint8 else images.float()
    with torch.no_grad():
        expected = output_tensors(inference_copy(module)(images))
    proofs: list[Parity] = []
    for file in map(Path, files):
        loaded, _ = load_on_runtimes(file)
        proofs.extend(
            compare(file, runtime, model.outputs(images), expected, tolerance=tolerance)
            for runtime, model in loaded.items()
        )
    return tuple(proofs)


def load_on_runtimes(file: Path) -> tuple[dict[Runtime, LoadedFile], dict[Runtime, str]]:
    """The file on every installed runtime that supports it, and what those say that do not load it.

    Raises:
        ValueError: for a file that none of them loads.
    """
    loaded: dict[Runtime, LoadedFile] = {}
    refused: dict[Runtime, ValueError] = {}
    for runtime in suitable_runtimes(file):
        try:
            loaded[runtime] = runtime.load(file)
        except ValueError as error:
            refused[runtime] = error
    if not loaded:
        raise next(iter(refused.values()))
    return loaded, {runtime: str(error) for runtime, error in refused.items()}


def suitable_runtimes(file: Path) -> tuple[Runtime, ...]:
    """The installed runtimes that support the file.

    Raises:
        ValueError: for a file that none of them runs.
    """
    runtimes = installed_runtimes()
    suitable = tuple(runtime for runtime in runtimes if runtime.supports(file))
    if not suitable:
        known = ", ".join(f"{runtime.name} ({runtime.suffix})" for runtime in runtimes)
        raise ValueError(f"no installed runtime runs {file.name}; installed are {known}")
    return suitable


def compare(
    file: Path,
    runtime: Runtime,
    found: Sequence[Tensor],
    expected: Sequence[Tensor],
    *,
    tolerance: float | None,
) -> Parity:
    """The outputs of a file on a runtime against those of the net, the first of both (N, classes).

    Raises:
        ParityError: as `verify_files`.
    """
    where = f"{file.name} on {runtime.name} {runtime.version}"
    if len(found) != len(expected):
        raise ParityError(f"{where} gives {len(found)} outputs, PyTorch {len(expected)}")
    differences = []
    for index, (values, exact) in enumerate(zip(found, expected, strict=True)):
        of = f"output {index} of {where}" if len(expected) > 1 else where
        if values.shape != exact.shape:
            raise ParityError(f"{of} gives logits of shape {tuple(values.shape)}, PyTorch {tuple(exact.shape)}")
        # Not in their own type: classes, say, are integers or booleans.
        difference = float((values.double() - exact.double()).abs().max())
        # Not 0 / 0 for a net that answers zeros.
        relative = difference / float(exact.double().abs().max().clamp_min(torch.finfo(torch.float32).tiny))
        if not math.isfinite(relative) or (tolerance is not None and relative > tolerance):
            bound = "" if tolerance is None else f", more than {tolerance:g}"
            raise ParityError(f"{of} differs from PyTorch by {relative:.2g} of the largest logit{bound}")
        differences.append((relative, difference))
    return Parity(
        file=file.name,
        runtime=runtime.name,
        runtime_version=runtime.version,
        images=len(expected[0]),
        max_abs_difference=max(difference for _, difference in differences),
        max_relative_difference=max(relative for relative, _ in differences),
        top1_agreement=float((found[0].argmax(1) == expected[0].argmax(1)).float().mean()),
    )
