"""The model of many blocks: every signature is its block."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from attrs import frozen
from torch import Tensor, nn

from pnas_export import ConversionError, TFLite, convert_workloads, installed_runtimes, workload_blocks
from pnas_export.blocks import signatures
from pnas_export.blocks.subgraphs import replicate, split_outputs
from pnas_export.converting.tflite_file import convert
from pnas_export.timing.walk_session import random_values, signature_call
from pnas_ops import BlockSpec, ClassifierSpec, ConvSpec, OwnOperation, TimedCall, Workload, ZeroSpec

TFLITE_RUNTIMES = [runtime for runtime in installed_runtimes() if isinstance(runtime, TFLite)]


def channel_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).contiguous() if x.ndim == 4 else x


@pytest.mark.parametrize("runtime", TFLITE_RUNTIMES, ids=lambda runtime: runtime.name)
def test_every_signature_is_its_block(runtime: TFLite, blocks: list[Workload], blocks_model: bytes) -> None:
    interpreter = runtime.interpreter(blocks_model)
    assert interpreter.get_signature_list().keys() == {*(block.name for block in blocks), "idle"}
    for workload, block in zip(blocks, workload_blocks(blocks), strict=True):
        x = torch.randn(workload.input_shape, generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            expected = channel_last(block(x))
        result = interpreter.get_signature_runner(workload.name)(args_0=channel_last(x).numpy())
        torch.testing.assert_close(torch.from_numpy(result["output_0"]), expected, rtol=1e-5, atol=1e-5)
    one = interpreter.get_signature_runner("idle")(args_0=torch.zeros(1, 1).numpy())["output_0"]
    assert one.tolist() == [[1.0]]


@pytest.mark.parametrize("runtime", TFLITE_RUNTIMES, ids=lambda runtime: runtime.name)
def test_a_call_computes_on_the_input_that_was_prepared(
    runtime: TFLite, blocks: list[Workload], blocks_model: bytes
) -> None:
    interpreter = runtime.interpreter(blocks_model)
    calls = {block.name: signature_call(interpreter, block.name, TimedCall) for block in blocks}
    for _ in range(2):
        for block in blocks:
            key = block.name
            calls[key].prepare()
            calls[key].run()
            wrapper = interpreter._interpreter
            result = wrapper.GetTensor(
                wrapper.GetSignatureDefs()[key]["outputs"]["output_0"], wrapper.GetSubgraphIndexFromSignature(key)
            )
            values = random_values((1, block.height, block.width, block.block.in_channels), np.float32)
            expected = runtime.interpreter(blocks_model).get_signature_runner(key)(args_0=values)
            assert (result == expected["output_0"]).all()


def test_a_call_goes_through_the_public_runner_where_the_private_wrapper_is_gone() -> None:
    ran: list[np.ndarray] = []

    class Runner:
        def get_input_details(self) -> dict[str, dict[str, object]]:
            return {"args_0": {"shape": (2, 3), "dtype": np.int8}}

        def __call__(self, args_0: np.ndarray) -> None:
            ran.append(args_0)

    call = signature_call(SimpleNamespace(get_signature_runner=lambda key: Runner()), "a", TimedCall)
    call.prepare()
    assert ran == []
    call.run()
    (values,) = ran
    assert (values.shape, values.dtype) == ((2, 3), np.int8)


def test_a_replica_is_the_block_with_weights_of_its_own(blocks: list[Workload], blocks_model: bytes) -> None:
    first, second = str(blocks[0]), str(blocks[1])
    model = replicate(blocks_model, [[first], [first, second], ["idle"]])
    interpreter = TFLITE_RUNTIMES[0].interpreter(model)
    assert list(interpreter.get_signature_list()) == [f"0/{first}", f"1/{first}", f"1/{second}", "2/idle"]
    values = random_values((1, blocks[0].height, blocks[0].width, blocks[0].block.in_channels), np.float32)
    expected = TFLITE_RUNTIMES[0].interpreter(blocks_model).get_signature_runner(first)(args_0=values)["output_0"]
    for row in (0, 1):
        assert (interpreter.get_signature_runner(f"{row}/{first}")(args_0=values)["output_0"] == expected).all()
    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    buffers = [{tensor.buffer for tensor in graph.tensors} - {0} for graph in tree.subgraphs]
    assert not buffers[0] & buffers[1]
    names = [tensor.name for graph in tree.subgraphs for tensor in graph.tensors]
    assert len(set(names)) == len(names)


def test_tensor_names_are_unique_and_nothing_is_transposed(blocks_model: bytes) -> None:
    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(blocks_model, 0))
    names = [tensor.name for graph in tree.subgraphs for tensor in graph.tensors]
    assert len(set(names)) == len(names)
    assert schema.BuiltinOperator.TRANSPOSE not in [code.builtinCode for code in tree.operatorCodes]


def test_batch_norm_is_folded_where_a_convolution_takes_it_in(
    blocks: list[Workload], monkeypatch: pytest.MonkeyPatch
) -> None:
    folded = workload_blocks(blocks)
    monkeypatch.setattr(signatures, "fold_batch_norm", nn.Module.eval)
    for block, whole, workload in zip(folded, workload_blocks(blocks), blocks, strict=True):
        assert not any(isinstance(part, nn.BatchNorm2d) for part in block.modules())
        x = torch.randn(workload.input_shape, generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            torch.testing.assert_close(block(x), whole(x), rtol=1e-5, atol=1e-5)


def test_layers_that_stand_in_several_places_are_folded_in_each() -> None:
    generator = torch.Generator().manual_seed(0)
    conv, norm, other_norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    for values in (norm.running_mean, other_norm.running_mean):
        assert values is not None
        nn.init.normal_(values, generator=generator)
    chain = nn.Sequential(other_norm, conv, norm, nn.ReLU(), conv, norm, norm, other_norm).eval()
    x = torch.randn(2, 3, 4, 4, generator=generator)
    with torch.no_grad():
        expected = chain(x)
        signatures.fold_batch_norm(chain)
        torch.testing.assert_close(chain(x), expected)
    kinds = [type(part) for part in chain]
    assert kinds == [
        nn.BatchNorm2d,
        nn.Conv2d,
        nn.Identity,
        nn.ReLU,
        nn.Conv2d,
        nn.Identity,
        nn.BatchNorm2d,
        nn.BatchNorm2d,
    ]


class Between(nn.Sequential):
    """A chain that is none: something stands between its parts."""

    def forward(self, x: Tensor) -> Tensor:
        convolution, norm = self
        return norm(convolution(x).relu())


def without_statistics() -> nn.Module:
    return nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, track_running_stats=False))


def without_weights() -> nn.Module:
    return nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, affine=False))


def between() -> nn.Module:
    return Between(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))


@frozen(kw_only=True)
class OddSpec(OwnOperation):
    made: Callable[[], nn.Module]

    @property
    def name(self) -> str:
        return "odd"

    def build(self, *, in_channels: int, out_channels: int, stride: int) -> nn.Module:
        return self.made()


@pytest.mark.parametrize("made", [without_statistics, without_weights, between])
def test_somebodys_own_batch_norm_stays_as_it_is(made: Callable[[], nn.Module]) -> None:
    workload = Workload(block=BlockSpec(op=OddSpec(made=made), in_channels=4, out_channels=4), height=4, width=4)
    (block,) = workload_blocks([workload])
    assert any(isinstance(part, nn.BatchNorm2d) for part in block.modules())
    assert block(torch.zeros(workload.input_shape)).shape == workload.input_shape


def test_what_computes_nothing_is_refused() -> None:
    skip = Workload(block=BlockSpec(op=ZeroSpec(), in_channels=4, out_channels=4, residual=True), height=8, width=8)
    with pytest.raises(ValueError, match=r"^skip 4->4 s1 \+x @8x8 computes nothing"):
        convert_workloads([skip])


def test_a_workload_twice_is_refused(blocks: list[Workload]) -> None:
    with pytest.raises(ValueError, match=r"^conv3 3->8 s1 @8x8 occurs twice among the workloads"):
        convert_workloads([blocks[0], *blocks])


class Refused(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


def test_the_block_that_the_converter_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    stem, head = (
        Workload(block=BlockSpec(op=op, in_channels=1, out_channels=1), height=2, width=2)
        for op in (ConvSpec(kernel_size=1), ClassifierSpec(hidden_channels=1))
    )
    monkeypatch.setattr(signatures, "build_timed", lambda one, build: Refused() if one == head else nn.ReLU())
    with pytest.raises(ConversionError, match=r"^cannot convert block classifier-1 1->1 s1 @2x2: "):
        convert_workloads([stem, head])


class Crossed(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return x + 1, x * y


def test_parts_that_depend_on_one_another_are_not_cut_apart() -> None:
    model = convert(Crossed(), [torch.zeros(1, 2), torch.zeros(1, 2)], what="test")
    with pytest.raises(ValueError, match=r"output 1 \(second\) does not depend on input 1 alone"):
        split_outputs(model, ["first", "second"])
