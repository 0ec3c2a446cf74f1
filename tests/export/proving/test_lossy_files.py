"""Which quantized files a proof calls lossy: those that lose more than a point of accuracy, and no others."""

from pathlib import Path
from typing import Self

import pytest
import torch
from attrs import evolve, frozen
from torch import Tensor, nn

from pnas_export import MAX_ACCURACY_LOSS, LayerError, prove
from pnas_export.proving import prove as prove_module
from pnas_ops import FilePath

IMAGES = 400
LAYERS = tuple(LayerError(layer=f"{index}", relative_error=1.0 / (index + 1)) for index in range(8))


@frozen
class WrongRuntime:
    """Answers as the net, which hands on its images, but for the first of them in quantized files."""

    wrong: int
    name: str = "wrong"
    module: str = "wrong"
    suffix: str = ".tflite"
    version: str = "1.0"
    installed: bool = True

    def supports(self, path: FilePath) -> bool:
        return True

    def load(self, path: FilePath, *, threads: int = 1) -> Self:
        return evolve(self, wrong=self.wrong if "int8" in Path(path).name else 0)

    def __call__(self, images: Tensor) -> Tensor:
        logits = images.flatten(1).clone()
        logits[: self.wrong] = logits[: self.wrong].flip(1)
        return logits

    def outputs(self, images: Tensor) -> tuple[Tensor, ...]:
        return (self(images),)


@pytest.mark.usefixtures("unmeasured_proofs")
@pytest.mark.parametrize(("wrong", "lossy"), [(0, False), (4, False), (5, True), (400, True)])
def test_a_file_that_loses_more_than_a_point_is_lossy(
    wrong: int, lossy: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[str, str, int]] = []

    def layer_errors(exact: Path, quantized: Path, images: Tensor) -> tuple[LayerError, ...]:
        compared.append((exact.name, quantized.name, len(images)))
        return LAYERS

    monkeypatch.setattr("pnas_export.runtimes.parity.suitable_runtimes", lambda path: (WrongRuntime(wrong),))
    monkeypatch.setattr(prove_module, "layer_errors", layer_errors)
    paths = {name: tmp_path / name for name in ("model.tflite", "model-int8.tflite")}
    for path in paths.values():
        path.write_bytes(b"12345")
    images = torch.eye(2).repeat(IMAGES // 2, 1)[:, :, None, None]
    found = prove(
        nn.Flatten(),
        {"tflite": paths["model.tflite"], "tflite-int8": paths["model-int8.tflite"]},
        [(images, images.flatten(1).argmax(1))],
    )
    assert MAX_ACCURACY_LOSS == 0.01
    assert [one.accuracy for one in found.files] == [1.0, 1 - wrong / IMAGES]
    assert [one.size_bytes for one in found.files] == [5, 5]
    # The five worst layers, found with some of the images.
    assert [(one.file, one.layers) for one in found.lossy] == [("model-int8.tflite", LAYERS[:5])] * lossy
    assert compared == [("model.tflite", "model-int8.tflite", 16)] * lossy
