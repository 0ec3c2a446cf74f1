"""By what a proof judges: accuracy where that means something, a score of the user's, or nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import torch
from attrs import evolve, frozen
from torch import Tensor, nn

from pnas_export import LabelError, ParityError, Proof, prove
from pnas_export.proving import prove as prove_module
from pnas_export.proving.judge import chosen_judge
from pnas_ops import FilePath

IMAGES = torch.rand(6, 3, 4, 4, generator=torch.Generator().manual_seed(0))


class Maps(nn.Module):
    """The images as maps, and their mean over pixels, in a dict."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"out": images, "mean": images.mean((2, 3))}


@frozen
class Runtime:
    """Gives what the net gives, but for a factor of the second output, and for the first images in int8 files."""

    factor: float = 1.0
    wrong: int = 0
    name: str = "fake"
    module: str = "fake"
    suffix: str = ".tflite"
    version: str = "1.0"
    installed: bool = True

    def supports(self, path: FilePath) -> bool:
        return True

    def load(self, path: FilePath, *, threads: int = 1) -> Self:
        return evolve(self, wrong=self.wrong if "int8" in Path(path).name else 0)

    def __call__(self, images: Tensor) -> Tensor:
        return self.outputs(images)[0]

    def outputs(self, images: Tensor) -> tuple[Tensor, ...]:
        maps = images.clone()
        maps[: self.wrong] = maps[: self.wrong].flip(1)
        return maps, self.factor * images.mean((2, 3))


@pytest.fixture
def proven(unmeasured_proofs: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Proof]:
    """`prove` of `Maps`, whose files a `Runtime` runs."""

    def prove_maps(runtime: Runtime, batches: list[tuple[Tensor, Tensor]], **options: Any) -> Proof:
        monkeypatch.setattr("pnas_export.runtimes.parity.suitable_runtimes", lambda path: (runtime,))
        monkeypatch.setattr(prove_module, "layer_errors", lambda exact, quantized, images: ())
        for name in ("model.tflite", "model-int8.tflite"):
            (tmp_path / name).write_bytes(b"12345")
        files = {"tflite": tmp_path / "model.tflite", "tflite-int8": tmp_path / "model-int8.tflite"}
        return prove(Maps(), files, batches, **options)  # type: ignore[arg-type]

    return prove_maps


def pixel_accuracy(outputs: dict[str, Tensor], masks: Tensor) -> Tensor:
    assert outputs.keys() == {"out", "mean"}
    return (outputs["out"].argmax(1) == masks).float().mean()


def test_a_score_sees_outputs_as_the_net_gives_them_and_counts_images(proven: Callable[..., Proof]) -> None:
    masks = IMAGES.argmax(1)
    found = proven(Runtime(wrong=1), [(IMAGES[:4], masks[:4]), (IMAGES[4:], masks[4:])], score=pixel_accuracy)
    # In each batch the first image is wrong, but where the middle channel is the largest.
    right = [float((IMAGES[index].flip(0).argmax(0) == masks[index]).float().mean()) for index in (0, 4)]
    assert found.net_score == 1.0
    assert found.files[0].score == 1.0
    assert found.files[1].score == pytest.approx((3 + right[0] + 1 + right[1]) / 6)
    assert (found.net_accuracy, found.files[0].accuracy) == (None, None)
    assert [one.file for one in found.lossy] == ["model-int8.tflite"]
    # Nobody's classes are compared where the first output has no classes of images.
    assert found.files[0].parity.top1_agreement is None
    assert "score 1 on 6 test images" in str(found)
    assert repr(found.files[0]).startswith("FileProof(model.tflite on fake 1.0: score 1, 0.0e+00 off")


def test_without_a_score_only_parity_is_known_of_maps(proven: Callable[..., Proof]) -> None:
    found = proven(Runtime(wrong=1), [(IMAGES, IMAGES.argmax(1))])
    assert {found.net_accuracy, found.net_score, *(one.accuracy for one in found.files)} == {None}
    assert found.lossy == ()
    exact, rough = (one.parity.outputs for one in found.files)
    assert [one.output for one in exact] == ["out", "mean"]
    assert (exact[0].max_abs_difference, exact[1].rms_relative_difference) == (0.0, 0.0)
    flipped = torch.cat([IMAGES[:1].flip(1), IMAGES[1:]])
    assert rough[0].max_abs_difference == pytest.approx(float((flipped - IMAGES).abs().max()))
    assert rough[0].rms_relative_difference == pytest.approx(float((flipped - IMAGES).norm() / IMAGES.norm()))
    assert "accuracy" not in repr(found)


def test_each_output_has_a_tolerance_of_its_own(proven: Callable[..., Proof]) -> None:
    runtime, test = Runtime(factor=1.01), [(IMAGES, IMAGES.argmax(1))]
    with pytest.raises(
        ParityError, match=r"^output 'mean' of model\.tflite on fake 1\.0 differs from PyTorch by 0\.01 "
    ):
        proven(runtime, test)
    with pytest.raises(ParityError, match=r"^output 'mean' .* more than 0\.0001$"):
        proven(runtime, test, tolerance={"out": 0.1})
    assert proven(runtime, test, tolerance={"mean": 0.011}).files[0].parity.outputs[1].max_relative_difference > 0.009
    with pytest.raises(ValueError, match=r"^the tolerance names 'aux', no output of the net: name some of out, mean$"):
        proven(runtime, test, tolerance={"aux": 0.1})
    for tolerance, of in ((float("nan"), ""), ({"mean": float("nan")}, "of 'mean' "), (float("inf"), ""), (-1.0, "")):
        with pytest.raises(ValueError, match=rf"^the tolerance {of}must be a number from 0 to 1e\+09, got "):
            proven(runtime, test, tolerance=tolerance)


@pytest.mark.parametrize(
    ("score", "line"),
    [
        (lambda outputs, masks: outputs["out"], r"^score must give a number for a batch, got Tensor of shape \(6, 3, "),
        (lambda outputs, masks: None, r"^score must give a number for a batch, got NoneType$"),
        (lambda outputs, masks: float("nan"), r"^score must give a finite number for a batch, got nan$"),
    ],
)
def test_a_score_that_is_no_number_is_refused(
    score: Callable[..., Any], line: str, proven: Callable[..., Proof]
) -> None:
    with pytest.raises(ValueError, match=line):
        proven(Runtime(), [(IMAGES, IMAGES.argmax(1))], score=score)


@pytest.mark.parametrize("number", [np.float32(0.5), np.array(0.5), torch.tensor(0.5), torch.tensor([0.5]), 0.5])
def test_a_score_is_any_number(number: Any, proven: Callable[..., Proof]) -> None:
    found = proven(Runtime(), [(IMAGES, IMAGES.argmax(1))], score=lambda outputs, masks: number)
    assert found.net_score == 0.5


def test_accuracy_is_that_of_the_first_output() -> None:
    logits, maps = torch.tensor([[3.0, 1.0], [0.0, 2.0], [5.0, 4.0], [1.0, 0.0]]), torch.rand(4, 2, 8, 8)
    targets = torch.tensor([0, 1, 1, 0])
    judge = chosen_judge("auto", targets, (logits, maps))
    assert judge is not None
    assert judge(None, (logits, maps), targets) == 0.75
    assert chosen_judge("auto", targets, (maps, logits)) is None


def test_targets_without_a_row_an_image_are_refused(proven: Callable[..., Proof]) -> None:
    with pytest.raises(LabelError, match=r"^the test targets of 6 images are of shape \(3, 4\): give a row per image$"):
        proven(Runtime(), [(IMAGES, torch.zeros(3, 4))], score=pixel_accuracy)


def test_batches_that_are_gone_after_one_pass_are_refused(proven: Callable[..., Proof]) -> None:
    batches: Any = (pair for pair in [(IMAGES, IMAGES.argmax(1))])
    with pytest.raises(
        ValueError, match=r"^test is a generator, which is empty after one pass: pass list\(test\), or a "
    ):
        proven(Runtime(), batches)
