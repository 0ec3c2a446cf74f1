"""Nets that PNAS did not build: torchvision's, with random weights."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import nn
from torchvision.models import mobilenet_v2, mobilenet_v3_small

from pnas_export import Metadata, export_bundle
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
