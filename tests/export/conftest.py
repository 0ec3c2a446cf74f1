"""A tiny net, its files and a model of its blocks; a trained net and its quantized files: made once for all tests."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from digits_net import INT8, SCHEMES, Digits, make_digits
from pnas_export import Scheme, convert_workloads, export_onnx, export_tflite, quantize_onnx, quantize_tflite
from pnas_export.proving import prove as prove_module
from pnas_ops import (
    Architecture,
    BlockSpec,
    ClassifierSpec,
    ConvSpec,
    MBConvSpec,
    Measurement,
    Workload,
    ZeroSpec,
    build_network,
    workloads,
)


def make_net(architecture: Architecture, seed: int) -> nn.Module:
    """A net in training mode whose BatchNorm statistics are not the trivial ones."""
    generator = torch.Generator().manual_seed(seed)
    net = build_network(architecture, generator=generator)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_(generator=generator)
            part.running_var.uniform_(0.5, 2.0, generator=generator)
    return net


@pytest.fixture(scope="session")
def architecture() -> Architecture:
    return Architecture(
        name="tiny",
        resolution=8,
        blocks=(
            BlockSpec(op=ConvSpec(kernel_size=3), in_channels=3, out_channels=8),
            BlockSpec(op=MBConvSpec(kernel_size=3, expansion=1), in_channels=8, out_channels=8, residual=True),
            BlockSpec(op=MBConvSpec(kernel_size=5, expansion=3), in_channels=8, out_channels=16, stride=2),
            BlockSpec(op=ZeroSpec(), in_channels=16, out_channels=16, residual=True),
            BlockSpec(op=ClassifierSpec(hidden_channels=24), in_channels=16, out_channels=5),
        ),
    )


@pytest.fixture(scope="session")
def net(architecture: Architecture) -> nn.Module:
    return make_net(architecture, seed=0)


@pytest.fixture(scope="session")
def other_net(architecture: Architecture) -> nn.Module:
    return make_net(architecture, seed=1)


@pytest.fixture(scope="session")
def images() -> Tensor:
    return torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def unmeasured_proofs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of proofs the fields that take most of their time, filled in: for tests that are about something else."""

    def measure_files(files: Mapping[object, object], **options: object) -> dict[object, Measurement]:
        return {key: Measurement(latency_ms=1.0, p25_ms=1.0, median_ms=1.0, p75_ms=1.0, count=2) for key in files}

    monkeypatch.setattr(prove_module, "measure_files", measure_files)
    monkeypatch.setattr(prove_module, "peak_memory_bytes", lambda file, runtime: 1)


@pytest.fixture(scope="session")
def onnx_path(net: nn.Module, conversions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    export_onnx(net, (1, 3, 8, 8), path, cache=conversions)
    return path


@pytest.fixture(scope="session")
def tflite_path(net: nn.Module, conversions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("tflite") / "tiny.tflite"
    export_tflite(net, (1, 3, 8, 8), path, cache=conversions)
    return path


@pytest.fixture(scope="session")
def blocks(architecture: Architecture) -> list[Workload]:
    """The workloads of the tiny net that compute something."""
    return [workload for (workload,) in workloads(architecture) if not workload.block.computes_nothing]


@pytest.fixture(scope="session")
def blocks_model(blocks: list[Workload], conversions: Path) -> bytes:
    return convert_workloads(blocks, cache=conversions)


@pytest.fixture(scope="session")
def digits(conversions: Path, tmp_path_factory: pytest.TempPathFactory) -> Digits:
    return make_digits(tmp_path_factory.mktemp("digits"), cache=conversions)


@pytest.fixture(scope="session")
def quantized(digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> dict[Scheme, Path]:
    folder = tmp_path_factory.mktemp("quantized")
    files: dict[Scheme, Path] = {scheme: folder / f"{scheme}.tflite" for scheme in SCHEMES}
    for scheme, file in files.items():
        quantize_tflite(digits.tflite, file, scheme, calibration=digits.calibration if scheme in INT8 else None)
    assert sorted(folder.iterdir()) == sorted(files.values())
    return files


@pytest.fixture(scope="session")
def quantized_onnx(digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("onnx") / "int8.onnx"
    quantize_onnx(digits.onnx, path, calibration=digits.calibration)
    assert list(path.parent.iterdir()) == [path]
    return path
