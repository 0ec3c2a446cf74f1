"""What a runtime gets of images and of options."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from pnas_export import OnnxRuntime
from pnas_export.runtimes.tflite_runtimes import TFLiteFile


class Int8Copy:
    """An interpreter of a file that hands on its input, with a scale and a zero point of its own at each end."""

    def __init__(self) -> None:
        self.fed: list[int] = []

    def get_input_details(self) -> list[dict[str, Any]]:
        return [{"shape": np.array([1, 1, 1, 1]), "dtype": np.int8, "quantization": (0.5, 3), "index": 0}]

    def get_output_details(self) -> list[dict[str, Any]]:
        return [{"quantization": (0.25, -2), "index": 1}]

    def set_tensor(self, index: int, value: Any) -> None:
        assert (index, value.dtype) == (0, np.int8)
        self.fed.append(int(value.item()))

    def invoke(self) -> None:
        pass

    def get_tensor(self, index: int) -> Any:
        assert index == 1
        return np.array([[self.fed[-1]]], np.int8)


def test_images_and_logits_of_an_int8_file_go_through_its_scales() -> None:
    interpreter = Int8Copy()
    images = torch.tensor([-100.0, -0.26, -0.24, 0.0, 0.74, 0.76, 100.0])[:, None, None, None]
    logits = TFLiteFile(interpreter, "copy.tflite")(images)
    # x / 0.5 rounded to the nearest, + 3, within int8.
    assert interpreter.fed == [-128, 2, 3, 3, 4, 5, 127]
    assert logits.flatten().tolist() == [(value + 2) * 0.25 for value in interpreter.fed]


def test_threads_reach_onnxruntime(onnx_path: Path) -> None:
    options = OnnxRuntime().session(onnx_path, threads=2).get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
