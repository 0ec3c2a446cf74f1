"""ONNX Runtime on a GPU: refused where it would compute on the CPU without a word."""

import onnxruntime
import pytest

from pnas_export import DeviceError, OnnxDevice, OnnxRuntime

CUDA = "CUDAExecutionProvider"
pytestmark = pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="there is onnxruntime-gpu here")


def test_a_library_without_cuda_is_refused_with_the_way_out() -> None:
    with pytest.raises(DeviceError, match=r"^onnxruntime [\d.]+ has no provider 'cuda': pip install onnxruntime-gpu"):
        OnnxDevice(provider="cuda")


def test_a_library_that_falls_back_to_the_cpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = onnxruntime.InferenceSession

    def fall_back(model: bytes, options: object, providers: list[str]) -> object:
        assert providers == [CUDA]
        return made(model, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, "CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", fall_back)
    with pytest.raises(DeviceError, match=r"finds no provider 'cuda' that works here: install the CUDA and cuDNN that"):
        OnnxDevice(provider="cuda")
    assert OnnxRuntime().execution_provider == "CPUExecutionProvider"
