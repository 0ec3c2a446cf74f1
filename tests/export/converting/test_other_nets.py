"""Nets that PNAS did not build: torchvision's, with random weights."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from attrs import evolve
from torch import Tensor, nn
from torchvision.models import mobilenet_v2, mobilenet_v3_small
from torchvision.models.detection.backbone_utils import mobilenet_backbone
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from pnas_export import Metadata, NetOutput, export_bundle, export_file, verify_files
from pnas_ops import Preprocessing

LABELS = tuple(map(str, range(10)))
PREPROCESSING = Preprocessing(height=64, width=64, channels="RGB", mean=(0.485, 0.456, 0.406), std=(0.2, 0.2, 0.2))
CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D"}
NEEDED = CONVOLUTIONS | {"FULLY_CONNECTED", "PAD", "ADD", "MEAN", "MUL", "HARD_SWISH", "RESHAPE"}


@pytest.mark.slow
@pytest.mark.parametrize("build", [mobilenet_v2, mobilenet_v3_small])
def test_a_mobile_net_of_torchvision_ships_without_a_stray_operator(
    build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    net = build(num_classes=10).train()
    pixels = torch.randint(0, 256, (32, 3, 64, 64), dtype=torch.uint8)
    for _ in range(20):
        # Statistics of BatchNorm as after a training: without them the activations vanish.
        net(PREPROCESSING(pixels))
    bundle = export_bundle(
        net,
        tmp_path / "bundle",
        ["onnx", "tflite-int8"],
        metadata=Metadata(labels=LABELS, preprocessing=PREPROCESSING),
        test=[(pixels, torch.zeros(32, dtype=torch.long))],
        calibration=pixels,
    )
    assert {one.parity.file for one in bundle.proof.files} == {"model.onnx", "model.tflite", "model-int8.tflite"}
    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs((bundle.path / "model.tflite").read_bytes(), 0))
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    (graph,) = tree.subgraphs
    found = Counter(names[tree.operatorCodes[operator.opcodeIndex].builtinCode] for operator in graph.operators)
    convolutions = [part for part in net.modules() if isinstance(part, nn.Conv2d)]
    assert sum(found[name] for name in CONVOLUTIONS) == len(convolutions)
    assert found["FULLY_CONNECTED"] == sum(isinstance(part, nn.Linear) for part in net.modules())
    # PyTorch pads both sides alike, and TFLite one side more: only a stride of 2 shows the difference.
    assert found["PAD"] == sum(part.stride == (2, 2) and part.padding != (0, 0) for part in convolutions)
    assert found.keys() <= NEEDED


def mean_iou(outputs: dict[str, Tensor], masks: Tensor) -> Tensor:
    """Over the classes that there are."""
    found = outputs["out"].argmax(1)
    pairs = [(found == one, masks == one) for one in masks.unique()]
    return torch.stack([(left & right).sum() / (left | right).sum() for left, right in pairs]).mean()


@pytest.mark.slow
@pytest.mark.usefixtures("unmeasured_proofs")
def test_a_segmentation_net_of_torchvision_ships_with_a_mean_iou(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=11).train()
    pixels = torch.randint(0, 256, (32, 3, 64, 64), dtype=torch.uint8)
    for _ in range(20):
        net(PREPROCESSING(pixels))
    with torch.no_grad():
        maps = net.eval()(PREPROCESSING(pixels))["out"]
        # Of random weights one class is the largest everywhere.
        net.classifier.high_classifier.bias -= maps.mean((0, 2, 3))
        masks = net(PREPROCESSING(pixels))["out"].argmax(1)
    assert len(masks.unique()) > 5
    metadata = Metadata(labels=tuple(map(str, range(11))), preprocessing=PREPROCESSING)
    bundle = export_bundle(
        net.train(),
        tmp_path / "bundle",
        ["onnx", "tflite-int8"],
        metadata=metadata,
        test=[(pixels, masks)],
        score=mean_iou,
        calibration=pixels,
    )
    output = NetOutput(name="out", shape=(11, 64, 64), dtype="float32")
    assert bundle.metadata == evolve(metadata, outputs=(output,))
    assert bundle.proof.net_score == 1.0
    for one in bundle.proof.files:
        assert [output.output for output in one.parity.outputs] == ["out"]
        assert one.score is not None
        if "int8" not in one.parity.file:
            assert one.score > 0.99


@pytest.mark.slow
def test_a_detection_backbone_of_torchvision_gives_its_maps_by_name(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = mobilenet_backbone("mobilenet_v3_large", fpn=True, weights=None).eval()
    images = torch.randn(2, 3, 64, 64)
    files = [tmp_path / "net.tflite", tmp_path / "net.onnx"]
    for file in files:
        export_file(net, (1, 3, 64, 64), file, "tflite" if file.suffix == ".tflite" else "onnx")
    for parity in verify_files(net, files, images):
        assert [one.output for one in parity.outputs] == list(net(images)) == ["0", "1", "pool"]
