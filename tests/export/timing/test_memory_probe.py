"""The program that measures memory runs what it was asked to, on as many threads as it was asked to."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pnas_export.timing import memory_probe


@pytest.mark.parametrize(("kind", "dtype"), [("tensor(uint8)", np.uint8), ("tensor(float)", np.float32)])
def test_an_onnx_file_runs_on_one_image_of_zeros(kind: str, dtype: type) -> None:
    ran: list[Any] = []
    opened: list[tuple[str, int, list[str]]] = []

    class Session:
        def __init__(self, path: str, options: Any, providers: list[str]) -> None:
            opened.append((path, options.intra_op_num_threads, providers))

        def get_inputs(self) -> list[SimpleNamespace]:
            return [SimpleNamespace(name="images", type=kind, shape=["batch", 3, 2, 4])]

        def run(self, outputs: None, feed: dict[str, Any]) -> None:
            ran.append(feed["images"])

    module = SimpleNamespace(SessionOptions=SimpleNamespace, InferenceSession=Session)
    memory_probe.load(module, "net.onnx", 3)()
    assert opened == [("net.onnx", 3, ["CPUExecutionProvider"])]
    assert [(one.shape, one.dtype, one.any()) for one in ran] == [((1, 3, 2, 4), dtype, False)]


def test_a_tflite_file_runs_on_zeros() -> None:
    calls: list[object] = []

    class Interpreter:
        def __init__(self, model_path: str, num_threads: int) -> None:
            calls.append((model_path, num_threads))

        def allocate_tensors(self) -> None:
            calls.append("allocated")

        def get_input_details(self) -> list[dict[str, Any]]:
            return [{"index": 7, "shape": [1, 2, 4, 3], "dtype": np.int8}]

        def set_tensor(self, index: int, value: Any) -> None:
            calls.append((index, value.shape, value.dtype, bool(value.any())))

        def invoke(self) -> None:
            calls.append("run")

    memory_probe.load(SimpleNamespace(Interpreter=Interpreter), "net.tflite", 2)()
    assert calls == [("net.tflite", 2), "allocated", (7, (1, 2, 4, 3), np.int8, False), "run"]
