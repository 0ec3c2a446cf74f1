"""Runtimes measure the places and the nets of somebody's module."""

from pathlib import Path

import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from attrs import evolve, field, frozen
from torch import nn

from module_spaces import build_tiny, tiny_space
from pnas_export import AiEdgeLitert, OnnxDevice, TFLiteDevice, convert_workloads
from pnas_export.blocks.nets import net_model
from pnas_export.devices.file_device import FileByFileDevice, FileDtype
from pnas_export.devices.runtime_device import RuntimeDevice
from pnas_export.quantizing.quantization import quantize_on_noise
from pnas_export.runtimes.model_files import read_tree
from pnas_ops import DeviceInfo, Measurement, ModuleWorkload, NoBuilderError

SPACE = tiny_space()
ROWS = [[one for one in row if not one.computes_nothing] for row in SPACE.mixed]
CANDIDATES = [one for row in ROWS for one in row]
NET = SPACE.architecture([1, 1], name="whole")


@pytest.fixture(scope="module")
def candidates_model(conversions: Path) -> bytes:
    return convert_workloads(CANDIDATES, build=build_tiny, cache=conversions)


def test_every_signature_is_its_module_and_transposes_nothing(candidates_model: bytes) -> None:
    tree = read_tree(candidates_model)
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in tree.operatorCodes]
    interpreter = AiEdgeLitert().interpreter(candidates_model)
    for entry in tree.signatureDefs[:-1]:
        operators = tree.subgraphs[entry.subgraphIndex].operators
        assert schema.BuiltinOperator.TRANSPOSE not in [codes[operator.opcodeIndex] for operator in operators]
    for workload in CANDIDATES:
        x = torch.randn(workload.input_shapes[0], generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            expected = build_tiny(workload)(x)
        filtering = workload in ROWS[0]
        # Convolutions take their images channel-last; `mixing` does so in the net itself.
        given = x.permute(0, 2, 3, 1).contiguous() if filtering else x
        found = torch.from_numpy(interpreter.get_signature_runner(workload.name)(args_0=given.numpy())["output_0"])
        torch.testing.assert_close(found, expected.permute(0, 2, 3, 1) if filtering else expected, rtol=1e-4, atol=1e-5)


def test_a_whole_net_gives_all_its_outputs(conversions: Path) -> None:
    interpreter = AiEdgeLitert().interpreter(net_model(NET, b"", build=build_tiny, cache=conversions))
    x = torch.randn(1, 3, 8, 6, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = build_tiny(NET).eval()(x)
    found = interpreter.get_signature_runner()(args_0=x.permute(0, 2, 3, 1).contiguous().numpy())
    logits, features = (torch.from_numpy(found[name]) for name in ("output_0", "output_1"))
    torch.testing.assert_close(logits, expected["logits"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(features, expected["features"].permute(0, 2, 3, 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["float32", "int8", "onnx"])
def test_places_and_nets_are_timed(kind: FileDtype, conversions: Path) -> None:
    device: RuntimeDevice = OnnxDevice(sessions=1, cache=conversions)
    if kind != "onnx":
        device = TFLiteDevice(dtype=kind, sessions=1, cache=conversions)
    # The same work under another title, at another place.
    again = evolve(ROWS[0][0], title="again")
    measured = dict(device.measure([*ROWS, [again]], nets=[NET], build=build_tiny))
    assert list(measured) == [*CANDIDATES, NET]
    assert measured[NET].latency_ms > 0
    assert measured[NET].count >= 100
    assert all(measured[one].count >= 200 for one in CANDIDATES)


@frozen(kw_only=True)
class Scales(FileByFileDevice):
    """Takes a millisecond for each byte of a file, and remembers what it was."""

    timed: list[str] = field(factory=list)

    @property
    def info(self) -> DeviceInfo:
        return DeviceInfo(device="scales", runtime="none", runtime_version="0", threads=1, dtype=self.dtype)

    def time_file(self, path: Path, what: str) -> Measurement:
        self.timed.append(what)
        size = float(path.stat().st_size)
        return Measurement(latency_ms=size, p25_ms=size, median_ms=size, p75_ms=size, count=1)


def test_files_are_timed_one_by_one(conversions: Path) -> None:
    device = Scales(cache=conversions)
    measured = dict(device.measure(ROWS, nets=[NET], build=build_tiny))
    probes, files = device.timed[::2], device.timed[1::2]
    assert set(probes) == {"the probe that tells its speed"}
    assert files == ["an empty call", *(f"block {one}" for one in CANDIDATES), "net 'whole'"]
    assert len(probes) == len(files) + 1
    whole = len(net_model(NET, b"", build=build_tiny, cache=conversions))
    assert measured[NET].latency_ms + measured[NET].overhead_ms == whole


@pytest.mark.parametrize("device", [TFLiteDevice(), OnnxDevice(), Scales()], ids=lambda one: type(one).__name__)
def test_without_what_builds_them_modules_are_refused_before_anything_is_converted(
    device: TFLiteDevice | OnnxDevice | Scales,
) -> None:
    with pytest.raises(NoBuilderError, match=r"^original @1x4x8x6 #\w+ is of a user's own module: pass build="):
        device.measure(ROWS)


def test_candidates_of_several_inputs_are_no_files() -> None:
    two = ModuleWorkload(title="sum", operators=("add",), input_shapes=((1, 4), (1, 4)))
    with pytest.raises(ValueError, match=r"^sum @1x4 1x4 #\w+ has 2 inputs: only modules of one input"):
        convert_workloads([two], build=lambda key: nn.Identity())


def test_int8_files_are_of_nets_of_one_image(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"one image, and this one takes 1x3x8x6, 1x4: measure float32$"):
        quantize_on_noise(tmp_path / "net.tflite", [(1, 3, 8, 6), (1, 4)])
