"""Memory to run a file, against what its weights alone take."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from pnas_export.runtimes.onnx_runtime import OnnxRuntime
from pnas_export.runtimes.tflite_runtimes import AiEdgeLitert
from pnas_export.timing.memory import peak_memory_bytes


def export_linear(folder: Path, outputs: int) -> Path:
    """A net of 2,304 x `outputs` float32 weights, written without a converter, which would take seconds."""
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 2304])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, outputs])
    weights = numpy_helper.from_array(np.ones((2304, outputs), np.float32), "weights")
    nodes = [helper.make_node("MatMul", ["images", "weights"], ["logits"])]
    graph = helper.make_graph(nodes, "linear", [images], [logits], [weights])
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), folder / f"{outputs}.onnx")
    return folder / f"{outputs}.onnx"


def test_a_larger_net_takes_more_by_at_least_its_weights(tmp_path: Path) -> None:
    small, large = (peak_memory_bytes(export_linear(tmp_path, outputs), OnnxRuntime()) for outputs in (100, 4000))
    more_weights = 2304 * (4000 - 100) * torch.float32.itemsize
    assert small > 0
    assert more_weights < large - small < 4 * more_weights


def test_a_file_that_does_not_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"not a model")
    with pytest.raises(ValueError, match=r"ai-edge-litert cannot run .*model\.tflite: ValueError"):
        peak_memory_bytes(tmp_path / "model.tflite", AiEdgeLitert())
