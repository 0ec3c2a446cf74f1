"""Exported files: what stands in them, and what export leaves alone."""

import copy
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import Tensor, nn

from pnas_export import ConversionError, OnnxRuntime, export_onnx, export_tflite

EXPORTS = [export_onnx, export_tflite]


def tflite_operators(model: bytes) -> Counter[str]:
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    codes = [tree.operatorCodes[operator.opcodeIndex] for graph in tree.subgraphs for operator in graph.operators]
    return Counter(names[code.builtinCode] for code in codes)


def test_tflite_holds_the_net_and_nothing_else(tflite_path: Path) -> None:
    # Dense: stem, 1 of the first MBConv, 2 of the second, the classifier's. Depthwise: one an MBConv. One shortcut.
    assert tflite_operators(tflite_path.read_bytes()) == Counter(
        CONV_2D=1 + 1 + 2 + 1, DEPTHWISE_CONV_2D=2, ADD=1, PAD=1, MEAN=1, FULLY_CONNECTED=1
    )


def test_onnx_has_batchnorm_folded_and_a_free_batch_dimension(onnx_path: Path) -> None:
    graph = onnx.load(onnx_path).graph
    operators = Counter(node.op_type for node in graph.node)
    assert operators["Conv"] == 7
    assert operators["Add"] == 1
    assert not operators.keys() & {"BatchNormalization", "Mul", "Sub", "Div", "Sqrt", "Transpose"}
    (images,) = graph.input
    sizes = images.type.tensor_type.shape.dim
    assert (images.name, sizes[0].dim_param, [size.dim_value for size in sizes[1:]]) == ("images", "batch", [3, 8, 8])
    assert [output.name for output in graph.output] == ["output_0"]


def test_onnx_tells_nothing_of_the_machine_that_wrote_it(onnx_path: Path) -> None:
    content = onnx_path.read_bytes()
    assert str(Path.cwd()).encode() not in content
    assert b".py" not in content


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("training", [True, False])
def test_export_changes_nothing(export: Callable[..., None], training: bool, tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten()).train(training)
    before = copy.deepcopy(net.state_dict())
    export(net, (1, 1, 4, 4), tmp_path / "net")
    assert [part.training for part in net.modules()] == [training] * 4
    assert all(parameter.requires_grad for parameter in net.parameters())
    after = net.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


class DataDependent(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)) if x.sum() > 0 else x.amax((2, 3))


@pytest.mark.parametrize("export", EXPORTS)
def test_a_refused_net_is_named_in_one_line(export: Callable[..., None], tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"^cannot convert net odd to (ONNX|TFLite): .*data-dependent") as caught:
        export(DataDependent(), (1, 1, 4, 4), tmp_path / "odd.file")
    assert "\n" not in str(caught.value)
    assert caught.value.__notes__
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("export", EXPORTS)
def test_the_layer_that_is_refused_is_named(export: Callable[..., None], tmp_path: Path) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(1, 4, 3)
            self.blocks = nn.ModuleList([nn.ReLU(), nn.Sequential(nn.ReLU(), DataDependent())])

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            for block in self.blocks:
                x = block(x)
            return x

    message = r"^cannot convert net odd to (ONNX|TFLite): layer 'blocks\.1\.1' \(DataDependent\): .*data-dependent"
    with pytest.raises(ConversionError, match=message) as caught:
        export(Net(), (1, 1, 4, 4), tmp_path / "odd.file")
    error = caught.value
    assert "\n" not in str(error)
    assert (error.layer, error.layer_type) == ("blocks.1.1", "DataDependent")
    assert str(error) == f"cannot convert {error.converted}: layer 'blocks.1.1' (DataDependent): {error.reason}"
    assert error.converted in ("net odd to ONNX", "net odd to TFLite")
    assert error.__notes__


@pytest.mark.parametrize("export", EXPORTS)
def test_images_that_the_net_does_not_take_are_refused(export: Callable[..., None], tmp_path: Path) -> None:
    message = r"^the net does not take images of shape \(\d, 4, 8, 8\): .*to have 3 channels, but got 4"
    with pytest.raises(ValueError, match=message):
        export(nn.Conv2d(3, 2, 1), (1, 4, 8, 8), tmp_path / "net")
    assert not list(tmp_path.iterdir())


def test_onnx_of_a_fixed_batch_takes_that_many_and_pads_the_last(net: nn.Module, tmp_path: Path) -> None:
    images = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(5))
    export_onnx(net, (2, 3, 8, 8), tmp_path / "two.onnx", fixed_batch=True)
    (source,) = onnx.load(tmp_path / "two.onnx").graph.input
    assert [dimension.dim_value for dimension in source.type.tensor_type.shape.dim] == [2, 3, 8, 8]
    with torch.no_grad():
        expected = net.eval()(images)
    net.train()
    torch.testing.assert_close(OnnxRuntime().load(tmp_path / "two.onnx")(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("shape", [(0, 3, 8, 8), (3, 8, 8), (1, 3, 0, 8)])
def test_other_input_shapes_are_refused(export: Callable[..., None], shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"input_shape must be \([1N], C, H, W\), got \("):
        export(nn.Flatten(), shape, tmp_path / "net")
