"""The proof of a file: passes for the net that was exported, and only for that."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import pytest
import torch
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from pnas_export import Parity, ParityError, Runtime, installed_runtimes, verify_files
from pnas_export.runtimes import parity
from pnas_export.runtimes.comparison import Comparison
from pnas_ops import FilePath


@frozen
class FixedRuntime:
    """Answers the same logits to everything."""

    logits: Tensor
    name: str = "fixed"
    module: str = "fixed"
    suffix: str = ".fixed"
    version: str = "1.0"
    installed: bool = True

    def supports(self, path: FilePath) -> bool:
        return Path(path).suffix == self.suffix

    def load(self, path: FilePath, *, threads: int = 1) -> Self:
        return self

    def __call__(self, images: Tensor) -> Tensor:
        return self.logits

    def outputs(self, images: Tensor) -> tuple[Tensor, ...]:
        return (self.logits,)


def verify_with(runtime: Runtime, images: Tensor, *, tolerance: float | None = 1e-4) -> Parity:
    """`verify_files` of the identity on logits, with one runtime."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity, "installed_runtimes", lambda: (runtime,))
        (proof,) = verify_files(nn.Identity(), [Path("net.fixed")], images, tolerance=tolerance)
    return proof


def test_every_file_on_every_runtime(net: nn.Module, onnx_path: Path, tflite_path: Path, images: Tensor) -> None:
    files = [onnx_path, tflite_path]
    net.train()
    proofs = verify_files(net, files, images)
    expected = [
        (file.name, runtime.name) for file in files for runtime in installed_runtimes() if runtime.suffix == file.suffix
    ]
    assert [(proof.file, proof.runtime) for proof in proofs] == expected
    assert {proof.runtime for proof in proofs} >= {"ai-edge-litert", "onnxruntime"}
    assert all(proof.images == 3 and proof.top1_agreement == 1.0 for proof in proofs)
    assert all(0 <= proof.max_relative_difference < 1e-5 for proof in proofs)
    assert net.training


@pytest.mark.parametrize("file", ["onnx_path", "tflite_path"])
def test_other_weights_do_not_pass(
    file: str, other_net: nn.Module, images: Tensor, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(file)
    with pytest.raises(
        ParityError,
        match=rf"^{path.name} on \S+ \S+ differs from PyTorch by \S+ of the largest value, more than 0.0001$",
    ):
        verify_files(other_net, [path], images)


@given(factor=st.floats(0.0, 2e-4), scale=st.floats(1e-3, 1e3))
def test_the_bound_is_relative_to_the_largest_logit(factor: float, scale: float) -> None:
    logits = scale * torch.tensor([[1.0, -4.0], [2.0, 3.0]], dtype=torch.float32)
    off = logits.clone()
    off[0, 0] += 4.0 * scale * factor
    if abs(factor - 1e-4) < 1e-6:  # rounding decides
        return
    if factor > 1e-4:
        with pytest.raises(ParityError, match=r"more than 0\.0001$"):
            verify_with(FixedRuntime(off), logits)
    else:
        proof = verify_with(FixedRuntime(off), logits)
        assert proof.max_relative_difference == pytest.approx(factor, abs=1e-6)
        assert proof.max_abs_difference == pytest.approx(4.0 * scale * factor, abs=4e-6 * scale)


def test_agreement_counts_images() -> None:
    logits = torch.tensor([[1.0, 1.00001], [100.0, 0.0]])
    assert verify_with(FixedRuntime(torch.tensor([[1.00001, 1.0], [100.0, 0.0]])), logits).top1_agreement == 0.5


def test_without_a_bound_differences_are_reported() -> None:
    logits = torch.tensor([[1.0, 4.0], [2.0, 3.0]])
    proof = verify_with(FixedRuntime(torch.tensor([[1.0, 4.0], [5.0, 3.0]])), logits, tolerance=None)
    assert (proof.max_abs_difference, proof.max_relative_difference, proof.top1_agreement) == (3.0, 0.75, 0.5)


@pytest.mark.parametrize("tolerance", [1e-4, None])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_logits_that_are_not_finite_do_not_pass(value: float, tolerance: float | None) -> None:
    with pytest.raises(ParityError, match=rf"^net\.fixed on fixed 1\.0 differs from PyTorch by {value}"):
        verify_with(FixedRuntime(torch.full((1, 2), value)), torch.ones(1, 2), tolerance=tolerance)


def compared(found: Sequence[Tensor], exact: Mapping[str, Tensor], sizes: Sequence[int]) -> Parity:
    """What is found of two outputs, in batches of these sizes."""
    comparison = Comparison(Path("net.fixed"), FixedRuntime(torch.zeros(0)))
    batches = zip(*(output.split([*sizes]) for output in (*found, *exact.values())), strict=True)
    for first, second, *expected in batches:
        comparison.add([first, second], dict(zip(exact, expected, strict=True)))
    return comparison.parity(None)


def test_batches_are_compared_as_one() -> None:
    generator = torch.Generator().manual_seed(0)
    exact = {"classes": torch.randn(12, 3, generator=generator), "map": 5 * torch.randn(12, 2, 2, generator=generator)}
    found = [output + 0.5 * torch.randn(output.shape, generator=generator) for output in exact.values()]
    proof = compared(found, exact, [5, 1, 6])
    for one, values, expected in zip(proof.outputs, found, exact.values(), strict=True):
        off = (values - expected).abs().max()
        assert one.max_abs_difference == pytest.approx(float(off))
        assert one.max_relative_difference == pytest.approx(float(off / expected.abs().max()))
        assert one.rms_relative_difference == pytest.approx(float((values - expected).norm() / expected.norm()))
    assert proof.max_abs_difference == max(one.max_abs_difference for one in proof.outputs)
    assert proof.max_relative_difference == max(one.max_relative_difference for one in proof.outputs)
    alike = [int(a.argmax()) == int(b.argmax()) for a, b in zip(found[0], exact["classes"], strict=True)]
    assert proof.images == len(alike)
    assert proof.top1_agreement == pytest.approx(sum(alike) / 12)
    assert 0 < sum(alike) < 12


@pytest.mark.parametrize("image", range(4))
def test_no_batch_hides_what_is_not_a_number_in_another(image: int) -> None:
    exact = {"classes": torch.ones(4, 3), "map": torch.ones(4, 2)}
    broken = torch.ones(4, 2)
    broken[image] = math.nan
    with pytest.raises(ParityError, match=r"output 'map' of net\.fixed on fixed 1\.0 differs from PyTorch by nan"):
        compared([torch.ones(4, 3), broken], exact, [1, 1, 2])


def test_a_runtime_that_does_not_support_a_file_proves_nothing() -> None:
    unfit = FixedRuntime(torch.zeros(1, 2), suffix=".other")
    with pytest.raises(ValueError, match=r"^no installed runtime runs net\.fixed; installed are fixed \(\.other\)$"):
        verify_with(unfit, torch.zeros(1, 2))


def test_zeros_equal_zeros() -> None:
    assert verify_with(FixedRuntime(torch.zeros(1, 2)), torch.zeros(1, 2)).max_relative_difference == 0.0


def test_another_shape_does_not_pass() -> None:
    with pytest.raises(ParityError, match=r"is of shape \(1, 3\), PyTorch's \(1, 2\)"):
        verify_with(FixedRuntime(torch.zeros(1, 3)), torch.zeros(1, 2))


def test_a_format_that_nothing_runs_is_named() -> None:
    with pytest.raises(ValueError, match=r"no installed runtime runs net.pt; installed are .*onnxruntime \(.onnx\)"):
        verify_files(nn.Identity(), [Path("net.pt")], torch.zeros(1, 2))


def test_no_images_prove_nothing() -> None:
    with pytest.raises(ValueError, match="verify_files needs at least one image"):
        verify_files(nn.Identity(), ["net.onnx"], torch.zeros(0, 2))
    with pytest.raises(ValueError, match="verify_files needs at least one file"):
        verify_files(nn.Identity(), [], torch.zeros(1, 2))
