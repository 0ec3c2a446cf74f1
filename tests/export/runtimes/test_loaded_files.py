"""What a runtime gets of images and of options."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from pnas_export import ModelFileError, OnnxRuntime, measure_files
from pnas_export.runtimes.tflite_runtimes import TFLiteFile


class IntegerCopy:
    """An interpreter of a file that hands on its input, with a scale and a zero point of its own at each end."""

    def __init__(self, dtype: type = np.int8) -> None:
        self.dtype = dtype
        self.fed: list[int] = []

    def get_input_details(self) -> list[dict[str, Any]]:
        return [{"shape": np.array([1, 1, 1, 1]), "dtype": self.dtype, "quantization": (0.5, 3), "index": 0}]

    def get_output_details(self) -> list[dict[str, Any]]:
        return [{"quantization": (0.25, -2), "index": 1}]

    def set_tensor(self, index: int, value: Any) -> None:
        assert (index, value.dtype) == (0, self.dtype)
        self.fed.append(int(value.item()))

    def invoke(self) -> None:
        pass

    def get_tensor(self, index: int) -> Any:
        assert index == 1
        return np.array([[self.fed[-1]]], self.dtype)


def test_images_and_logits_of_an_int8_file_go_through_its_scales() -> None:
    interpreter = IntegerCopy()
    images = torch.tensor([-100.0, -0.26, -0.24, 0.0, 0.74, 0.76, 100.0])[:, None, None, None]
    logits = TFLiteFile(interpreter, "copy.tflite")(images)
    # x / 0.5 rounded to the nearest, + 3, within int8.
    assert interpreter.fed == [-128, 2, 3, 3, 4, 5, 127]
    assert logits.flatten().tolist() == [(value + 2) * 0.25 for value in interpreter.fed]


def test_a_uint8_file_of_a_scale_takes_floats_through_it_and_pixels_as_they_are() -> None:
    interpreter = IntegerCopy(np.uint8)
    file = TFLiteFile(interpreter, "copy.tflite")
    file(torch.tensor([-100.0, 0.26, 100.0, 200.0])[:, None, None, None])
    assert interpreter.fed == [0, 4, 203, 255]
    file(torch.tensor([7, 250], dtype=torch.uint8)[:, None, None, None])
    assert interpreter.fed[4:] == [7, 250]


@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_a_tflite_file_of_no_row_for_each_image_is_refused(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreter = IntegerCopy()
    monkeypatch.setattr(interpreter, "get_tensor", lambda index: np.zeros(shape, np.int8))
    with pytest.raises(
        ModelFileError, match=rf"gives an output of shape {re.escape(str(shape))} for a batch of 1: expo"
    ):
        TFLiteFile(interpreter, "copy.tflite")(torch.zeros(2, 1, 1, 1))


@pytest.mark.parametrize(
    ("sizes", "said"), [(["n", 3, "side", 8], r"\(n, 3, side, 8\)"), ([4, 3, 8, 8], r"\(4, 3, 8, 8\)")]
)
def test_a_file_of_no_single_image_is_not_timed(sizes: list[int | str], said: str, tmp_path: Path) -> None:
    source, result = (helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name in ("in", "out"))
    graph = helper.make_graph([helper.make_node("Identity", ["in"], ["out"])], "copy", [source], [result])
    path = tmp_path / "copy.onnx"
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)]), path)
    with pytest.raises(ModelFileError, match=rf"copy\.onnx takes {said}, not one image of a fixed size: export it for"):
        measure_files({"copy": (OnnxRuntime(), path)})


def onnx_file(
    path: Path, operation: str, sizes: Any, *, result: Any = None, kind: int = TensorProto.FLOAT, **more: Any
) -> Path:
    """An ONNX file of one operation, which need not tell the shape of what it gives."""
    source = helper.make_tensor_value_info("in", TensorProto.FLOAT, sizes)
    target = helper.make_tensor_value_info("out", kind, result)
    graph = helper.make_graph([helper.make_node(operation, ["in"], ["out"], **more)], "net", [source], [target])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)]), path)
    return path


def test_a_file_that_does_not_tell_its_output_s_shape_is_run(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Shape", ["in"], ["sizes"]), helper.make_node("Reshape", ["in", "sizes"], ["out"])],
        "net",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, ["n", "c", "h", "w"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
    )
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)]), path)
    images = torch.rand(2, 3, 4, 4)
    assert torch.equal(OnnxRuntime().load(path)(images), images)


@pytest.mark.parametrize(("keepdims", "shown"), [(0, r"\(3, 4, 4\)"), (1, r"\(1, 3, 4, 4\)")])
def test_a_file_of_no_row_for_each_image_is_refused(keepdims: int, shown: str, tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "net.onnx", "ReduceMean", ["n", 3, 4, 4], axes=[0], keepdims=keepdims)
    file = OnnxRuntime().load(path)
    with pytest.raises(
        ModelFileError, match=rf"gives an output of shape {shown} for a batch of 2: export a net that gives"
    ):
        file(torch.rand(2, 3, 4, 4))


@pytest.mark.parametrize("sizes", [None, [0, 3, 4, 4]])
def test_a_file_of_no_images_is_refused(sizes: list[int] | None, tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "net.onnx", "Identity", sizes, result=sizes)
    with pytest.raises(ModelFileError, match=r"takes \[.*\], not images \(N, C, H, W\): export a net of images"):
        OnnxRuntime().load(path)


def test_a_file_that_takes_nothing_is_refused(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["weights"], ["out"])],
        "net",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])],
        [helper.make_tensor("weights", TensorProto.FLOAT, [1], [1.0])],
    )
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)]), tmp_path / "n.onnx")
    with pytest.raises(ModelFileError, match=r"n\.onnx takes 0 inputs, not images alone"):
        OnnxRuntime().load(tmp_path / "n.onnx")


def test_a_file_that_gives_texts_is_refused(tmp_path: Path) -> None:
    path = onnx_file(
        tmp_path / "net.onnx",
        "Cast",
        ["n", 3, 4, 4],
        result=["n", 3, 4, 4],
        kind=TensorProto.STRING,
        to=TensorProto.STRING,
    )
    with pytest.raises(ModelFileError, match=r"gives a tensor\(string\), not numbers"):
        OnnxRuntime().load(path)


def test_threads_reach_onnxruntime(onnx_path: Path) -> None:
    options = OnnxRuntime().session(onnx_path, threads=2).get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
