"""The proof that an exported file computes what the net computes."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from pnas_export.ground.inference_copy import inference_copy
from pnas_export.ground.outputs import named_outputs
from pnas_export.runtimes.comparison import FLOAT_TOLERANCE, Comparison, Parity, Tolerance, check_tolerance
from pnas_export.runtimes.installed_runtimes import installed_runtimes
from pnas_export.runtimes.runtime import LoadedFile, Runtime
from pnas_ops import FilePath


def verify_files(
    module: nn.Module, files: Sequence[FilePath], images: Tensor, *, tolerance: Tolerance = FLOAT_TOLERANCE
) -> tuple[Parity, ...]:
    """Runs every file on every installed runtime that supports it, and compares it with PyTorch in float32.

    A runtime that does not support a file (`Runtime.supports`), or fails to load it while another one does, has no
    entry for it in the result. All outputs of a net are compared.

    Args:
        module: the net that was exported; not changed.
        files: exported files.
        images: (N, C, H, W), preprocessed as for the net; uint8 for a `RawPixels`.
        tolerance: the largest relative difference that passes, for all outputs or by name. The default is for float32
            files; None, for quantized ones, only reports.

    Raises:
        ParityError: naming file, runtime, difference and bound, for the first file that is further off, or whose
            values are not finite.
        ValueError: for no files or images, a file that no installed runtime runs, and a tolerance of no output.
    """
    if not files:
        raise ValueError("verify_files needs at least one file")
    if not len(images):
        raise ValueError("verify_files needs at least one image")
    images = images.detach().cpu().contiguous()
    # A net that takes raw pixels gets them as they are.
    images = images if images.dtype == torch.uint8 else images.float()
    with torch.no_grad():
        expected = named_outputs(inference_copy(module)(images))
    check_tolerance(tolerance, expected)
    proofs: list[Parity] = []
    for file in map(Path, files):
        loaded, _ = load_on_runtimes(file)
        for runtime, model in loaded.items():
            comparison = Comparison(file, runtime)
            comparison.add(model.outputs(images), expected)
            proofs.append(comparison.parity(tolerance))
    return tuple(proofs)


def load_on_runtimes(file: Path) -> tuple[dict[Runtime, LoadedFile], dict[Runtime, str]]:
    """The file on every installed runtime that supports it, and the messages of those that cannot load it.

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
