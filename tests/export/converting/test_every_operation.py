"""Every operation of pnas_ops, alone and in one net, is the same on every runtime."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, get_args

import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import Tensor

from pnas_export import (
    TFLite,
    chain_signatures,
    convert_workloads,
    export_onnx,
    export_tflite,
    installed_runtimes,
    tflite_sizes,
    verify_files,
    workload_blocks,
)
from pnas_export.quantizing.quantization import quantize_signatures
from pnas_latency import peak_activation_bytes, weight_bytes
from pnas_ops import (
    Architecture,
    BasicBlockSpec,
    BlockSpec,
    BottleneckSpec,
    CellEdge,
    CellSpec,
    CellStackSpec,
    ClassifierSpec,
    ConvSpec,
    FactorizedReduceSpec,
    GlobalPoolSpec,
    GroupedConvSpec,
    IdentitySpec,
    LinearConvSpec,
    MBConvSpec,
    NoneSpec,
    OpSpec,
    OwnOperation,
    PoolSpec,
    PreActivationSeparableConvSpec,
    ReluConvSpec,
    ReluSeparableConvSpec,
    ResidualReductionSpec,
    SeparableConvSpec,
    ShuffleUnitSpec,
    TreeBlockSpec,
    UpsampleSpec,
    Workload,
    ZeroSpec,
    build_network,
)

TREE = TreeBlockSpec(
    hidden_channels=4,
    edges=(
        PreActivationSeparableConvSpec(kernel_size=5),
        IdentitySpec(),
        PoolSpec(mode="max", kernel_size=3),
        PoolSpec(mode="average", kernel_size=3),
    ),
)
# A state that several edges take is one ReLU of all of them.
CELLS = CellStackSpec(
    channels=8,
    cells=(1,),
    normal=CellSpec(
        inputs=1,
        nodes=(
            (CellEdge(source=0, op=ReluConvSpec(kernel_size=3)),),
            (CellEdge(source=0, op=ReluConvSpec(kernel_size=1)), CellEdge(source=1, op=IdentitySpec())),
            (CellEdge(source=0, op=NoneSpec()), CellEdge(source=1, op=PoolSpec(mode="average", kernel_size=3))),
        ),
        outputs=(2, 3),
        join="sum",
    ),
    preprocessed=False,
)
HALVING_CELL = CellSpec(
    inputs=2,
    nodes=(
        (CellEdge(source=0, op=IdentitySpec()), CellEdge(source=1, op=PoolSpec(mode="max", kernel_size=3))),
        (CellEdge(source=0, op=ReluSeparableConvSpec(kernel_size=3)), CellEdge(source=2, op=IdentitySpec())),
    ),
    outputs=(2, 3),
)
HALVING_CELLS = CellStackSpec(channels=2, cells=(1, 1), normal=HALVING_CELL, reduction=HALVING_CELL)
BOTTLENECK = BottleneckSpec(kernel_size=3, reduction=4, activation="relu", shortcut=True)
BASIC = BasicBlockSpec(kernel_size=3, activation="relu", shortcut=True)
SHUFFLE_V1 = ShuffleUnitSpec(version="v1", kernel_size=3, groups=2, activation="relu")
SHUFFLE_V2 = ShuffleUnitSpec(version="v2", kernel_size=3, activation="relu")
# The converter does not see that (N, H, W, C) needs one transpose only.
SHUFFLED = "TRANSPOSE RESHAPE TRANSPOSE RESHAPE TRANSPOSE"
SILU = "LOGISTIC MUL"
# Of BatchNorm where no convolution stands before it to take it in.
NORM = "SUB MUL MUL ADD"
# Each with the TFLite operators that it comes to where the stride is 1.
OPERATORS: dict[OpSpec, str] = {
    ConvSpec(kernel_size=3): "CONV_2D",
    ConvSpec(kernel_size=3, dilation=2): "CONV_2D",
    LinearConvSpec(kernel_size=3): "CONV_2D",
    SeparableConvSpec(kernel_size=5): "DEPTHWISE_CONV_2D CONV_2D",
    SeparableConvSpec(kernel_size=3, dilation=2): "DEPTHWISE_CONV_2D CONV_2D",
    GroupedConvSpec(kernel_size=3, groups=2): "CONV_2D",
    GroupedConvSpec(kernel_size=3, groups=2, shuffle=True): f"CONV_2D {SHUFFLED}",
    PreActivationSeparableConvSpec(kernel_size=3): f"{NORM} DEPTHWISE_CONV_2D CONV_2D",
    PreActivationSeparableConvSpec(kernel_size=3, dilation=2): f"{NORM} DEPTHWISE_CONV_2D CONV_2D",
    TREE: (
        f"{NORM} CONV_2D CONV_2D TRANSPOSE RESHAPE TRANSPOSE RESHAPE TRANSPOSE SLICE SLICE {NORM} DEPTHWISE_CONV_2D "
        f"CONV_2D ADD {NORM} ADD MAX_POOL_2D AVERAGE_POOL_2D ADD {NORM} ADD ADD {NORM} CONV_2D ADD"
    ),
    BottleneckSpec(kernel_size=3, reduction=4): "CONV_2D CONV_2D CONV_2D",
    BottleneckSpec(kernel_size=3, reduction=2, groups=2, activation="relu"): "CONV_2D CONV_2D CONV_2D",
    BOTTLENECK: "CONV_2D CONV_2D CONV_2D ADD",
    BasicBlockSpec(kernel_size=3): "CONV_2D CONV_2D",
    BASIC: "CONV_2D CONV_2D ADD",
    # Of 8 channels it has 2 in between, in 2 groups: nothing to shuffle, and the last convolution is depthwise.
    SHUFFLE_V1: "CONV_2D DEPTHWISE_CONV_2D DEPTHWISE_CONV_2D ADD",
    SHUFFLE_V2: f"SLICE SLICE CONV_2D DEPTHWISE_CONV_2D CONV_2D CONCATENATION {SHUFFLED}",
    MBConvSpec(kernel_size=3, expansion=1): "DEPTHWISE_CONV_2D CONV_2D",
    MBConvSpec(kernel_size=3, expansion=3, activation="relu"): "CONV_2D DEPTHWISE_CONV_2D CONV_2D",
    # A hard sigmoid is relu6(x + 3) / 6: the sum joins the convolution, the division is the first MUL.
    MBConvSpec(kernel_size=3, expansion=3, squeeze_excitation=True): (
        "CONV_2D DEPTHWISE_CONV_2D MEAN CONV_2D CONV_2D MUL MUL CONV_2D"
    ),
    MBConvSpec(kernel_size=5, expansion=3, squeeze_excitation=True, activation="hswish"): (
        "CONV_2D HARD_SWISH DEPTHWISE_CONV_2D HARD_SWISH MEAN CONV_2D CONV_2D MUL MUL CONV_2D"
    ),
    MBConvSpec(kernel_size=3, expansion=3, squeeze_excitation=True, squeeze_from="input", activation="silu"): (
        f"CONV_2D {SILU} DEPTHWISE_CONV_2D {SILU} MEAN CONV_2D {SILU} CONV_2D LOGISTIC MUL CONV_2D"
    ),
    PoolSpec(mode="average", kernel_size=3): "AVERAGE_POOL_2D",
    PoolSpec(mode="max", kernel_size=3): "MAX_POOL_2D",
    ReluConvSpec(kernel_size=3): "RELU CONV_2D",
    ReluSeparableConvSpec(kernel_size=5, repeats=2): ("RELU DEPTHWISE_CONV_2D CONV_2D DEPTHWISE_CONV_2D CONV_2D"),
    ReluSeparableConvSpec(kernel_size=3, dilation=2): "RELU DEPTHWISE_CONV_2D CONV_2D",
    FactorizedReduceSpec(): f"RELU CONV_2D SLICE SLICE CONV_2D CONCATENATION {NORM}",
    ResidualReductionSpec(): "RELU CONV_2D CONV_2D AVERAGE_POOL_2D CONV_2D ADD",
    CELLS: "RELU CONV_2D CONV_2D ADD AVERAGE_POOL_2D ADD",
    HALVING_CELLS: (
        "RELU CONV_2D CONV_2D MAX_POOL_2D ADD RELU DEPTHWISE_CONV_2D CONV_2D ADD CONCATENATION RELU CONV_2D "
        f"CONV_2D CONV_2D SLICE SLICE CONV_2D CONCATENATION {NORM} PADV2 MAX_POOL_2D ADD PAD DEPTHWISE_CONV_2D "
        f"CONV_2D ADD CONCATENATION CONV_2D SLICE SLICE CONV_2D CONCATENATION {NORM} RELU CONV_2D MAX_POOL_2D "
        "ADD RELU DEPTHWISE_CONV_2D CONV_2D ADD CONCATENATION"
    ),
    UpsampleSpec(mode="nearest", factor=2): "RESIZE_NEAREST_NEIGHBOR",
    UpsampleSpec(mode="bilinear", factor=2): "RESIZE_BILINEAR",
}
# Where the stride is 2, if it is not one PAD more: symmetric padding is not TFLite's own. A strided average is
# a subsampled one.
STRIDED: dict[OpSpec, str] = {
    PoolSpec(mode="average", kernel_size=3): "AVERAGE_POOL_2D MAX_POOL_2D",
    PoolSpec(mode="max", kernel_size=3): "PADV2 MAX_POOL_2D",
    TREE: f"{OPERATORS[TREE]} PAD AVERAGE_POOL_2D",
    BOTTLENECK: f"{OPERATORS[BOTTLENECK]} PAD CONV_2D",
    BASIC: f"{OPERATORS[BASIC]} PAD CONV_2D",
    SHUFFLE_V1: (f"CONV_2D {SHUFFLED} PAD DEPTHWISE_CONV_2D CONV_2D AVERAGE_POOL_2D MAX_POOL_2D CONCATENATION RELU"),
    FactorizedReduceSpec(): OPERATORS[FactorizedReduceSpec()],
    HALVING_CELLS: OPERATORS[HALVING_CELLS],
    SHUFFLE_V2: (f"PAD DEPTHWISE_CONV_2D CONV_2D CONV_2D PAD DEPTHWISE_CONV_2D CONV_2D CONCATENATION {SHUFFLED}"),
}


def places_of(op: OpSpec) -> Iterator[BlockSpec]:
    """With stride 1 and with stride 2, where it can stand so."""
    for stride in (1, 2):
        # The first ShuffleNet's unit puts channels beside its input's where the image shrinks.
        width = 16 if op == SHUFFLE_V1 and stride > 1 else 8
        with suppress(ValueError):
            yield BlockSpec(op=op, in_channels=8, out_channels=width, stride=stride)


PLACES = [block for op in OPERATORS for block in places_of(op)]
TFLITE_RUNTIMES = [runtime for runtime in installed_runtimes() if isinstance(runtime, TFLite)]
OPERATOR_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


def chain(*blocks: BlockSpec) -> Architecture:
    end = BlockSpec(op=ClassifierSpec(hidden_channels=8), in_channels=blocks[-1].out_channels, out_channels=4)
    return Architecture(name="chain", resolution=16, blocks=(*blocks, end))


def channel_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).contiguous()


def proves(architecture: Architecture, folder: Path) -> None:
    """Exports the net to both formats and compares each file with it on every runtime."""
    generator = torch.Generator().manual_seed(0)
    net = build_network(architecture, generator=generator).eval()
    shape = (1, architecture.in_channels, 16, 16)
    export_onnx(net, shape, folder / "net.onnx")
    export_tflite(net, shape, folder / "net.tflite")
    proofs = verify_files(
        net, [folder / "net.onnx", folder / "net.tflite"], torch.randn(2, *shape[1:], generator=generator)
    )
    assert {proof.runtime for proof in proofs} == {runtime.name for runtime in installed_runtimes()}


@pytest.fixture(scope="module")
def places() -> list[Workload]:
    return [Workload(block=block, height=8, width=8) for block in PLACES]


@pytest.fixture(scope="module")
def model(places: list[Workload]) -> bytes:
    return convert_workloads(places)


def test_no_operation_is_left_out() -> None:
    ours = set(get_args(OpSpec)) - {OwnOperation}
    assert {ZeroSpec, IdentitySpec, NoneSpec, GlobalPoolSpec, ClassifierSpec, *map(type, OPERATORS)} == ours


@pytest.mark.parametrize("runtime", TFLITE_RUNTIMES, ids=lambda runtime: runtime.name)
def test_every_operation_agrees_at_every_stride(runtime: TFLite, places: list[Workload], model: bytes) -> None:
    interpreter = runtime.interpreter(model)
    for workload, block in zip(places, workload_blocks(places), strict=True):
        x = torch.randn(workload.input_shape, generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            expected = channel_last(block(x)).numpy()
        result = interpreter.get_signature_runner(workload.name)(args_0=channel_last(x).numpy())["output_0"]
        assert result.shape == expected.shape, workload.name
        assert abs(result - expected).max() <= 1e-4 * abs(expected).max(), workload.name


def test_every_operation_is_the_operators_it_has_to_be(places: list[Workload], model: bytes) -> None:
    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    codes = [OPERATOR_NAMES[code.builtinCode] for code in tree.operatorCodes]
    graphs = {
        signature.signatureKey.decode(): [codes[operator.opcodeIndex] for operator in graph.operators]
        for signature in tree.signatureDefs
        for graph in [tree.subgraphs[signature.subgraphIndex]]
    }
    for workload in places:
        op, found = workload.block.op, Counter(graphs[workload.name])
        strided = STRIDED.get(op, f"{OPERATORS[op]} PAD")
        wanted = strided if workload.block.stride > 1 else OPERATORS[op]
        assert found == Counter(wanted.split()), workload.name


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_every_operation_has_the_bytes_that_limits_count(
    dtype: Literal["float32", "int8"], places: list[Workload], model: bytes, tmp_path: Path
) -> None:
    written = quantize_signatures(model) if dtype == "int8" else model
    weights, activations = weight_bytes(dtype), peak_activation_bytes(dtype)
    for workload in places:
        (tmp_path / "block.tflite").write_bytes(chain_signatures(written, [workload.name]))
        sizes = tflite_sizes(tmp_path / "block.tflite")
        ((own,),), shared = weights.rows([[workload]]), weights.shared(workload)
        assert own + sum(shared.values()) == sizes.constants, workload.name
        assert activations.rows([[workload]]) == ((sizes.peak_activations,),), workload.name


@pytest.mark.slow
def test_a_net_of_every_operation_agrees_on_every_runtime(tmp_path: Path) -> None:
    skip = BlockSpec(op=ZeroSpec(), in_channels=8, out_channels=8, residual=True)
    identity = BlockSpec(op=IdentitySpec(), in_channels=8, out_channels=8)
    same = [block for block in PLACES if block.keeps_shape]
    larger = [block for block in PLACES if isinstance(block.op, UpsampleSpec)]
    smaller = [block for block in PLACES if block.stride == 2 and isinstance(block.op, PoolSpec)]
    pool = BlockSpec(op=GlobalPoolSpec(), in_channels=8, out_channels=8)
    proves(chain(*same, skip, identity, *smaller, *larger, pool), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("block", PLACES, ids=str)
def test_every_operation_alone_agrees_on_every_runtime(block: BlockSpec, tmp_path: Path) -> None:
    proves(chain(block), tmp_path)
