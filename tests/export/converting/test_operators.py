"""The operators of TFLite files: those of the candidate and no others."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

from pnas_export import convert_workloads, export_tflite
from pnas_ops import (
    BlockSpec,
    ClassifierSpec,
    ConvSpec,
    MBConvSpec,
    Workload,
    build_network,
    digits_mbconv_space,
    workloads,
)

SPACE = digits_mbconv_space()
CANDIDATES = {
    workload.name: workload for row in workloads(SPACE) for workload in row if not workload.block.computes_nothing
}
CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D"}


def names(enumeration: type) -> dict[int, str]:
    return {code: name for name, code in vars(enumeration).items() if isinstance(code, int)}


OPERATORS, ACTIVATIONS = names(schema.BuiltinOperator), names(schema.ActivationFunctionType)


def operators(tree: Any, graph: Any) -> Counter[str]:
    """Operators of a subgraph; convolutions with their padding and fused activation."""
    found: Counter[str] = Counter()
    paddings = names(schema.Padding)
    for operator in graph.operators:
        name = OPERATORS[tree.operatorCodes[operator.opcodeIndex].builtinCode]
        if name in CONVOLUTIONS:
            options = operator.builtinOptions
            name += f" {paddings[options.padding]} {ACTIVATIONS[options.fusedActivationFunction]}"
        found[name] += 1
    return found


def read(model: bytes) -> Any:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))


def expected_operators(block: BlockSpec) -> Counter[str]:
    """What a phone must compute: BatchNorm and ReLU6 are part of their convolution, padding too but for stride 2.

    PyTorch pads both sides alike; TFLite's SAME pads a stride of 2 on one side more, so that a PAD is needed there.
    """
    strided = block.stride > 1
    padding = "VALID" if strided else "SAME"
    expected = Counter({"PAD": 1}) if strided else Counter()
    match block.op:
        case ConvSpec():
            # A convolution of one input channel is a depthwise one with many outputs a channel.
            kind = "DEPTHWISE_CONV_2D" if block.in_channels == 1 else "CONV_2D"
            expected[f"{kind} {padding} RELU6"] += 1
        case MBConvSpec():
            if block.op.expansion > 1:
                expected["CONV_2D VALID RELU6"] += 1
            expected[f"DEPTHWISE_CONV_2D {padding} RELU6"] += 1
            expected["CONV_2D VALID NONE"] += 1
        case ClassifierSpec():
            expected += Counter({"CONV_2D VALID RELU6": 1, "MEAN": 1, "FULLY_CONNECTED": 1})
        case _:
            raise AssertionError(f"{block} is not among the candidates")
    if block.residual:
        expected["ADD"] += 1
    return expected


@pytest.fixture(scope="module")
def candidate_operators(conversions: Path) -> dict[str, Counter[str]]:
    tree = read(convert_workloads(list(CANDIDATES.values()), cache=conversions))
    return {
        signature.signatureKey.decode(): operators(tree, tree.subgraphs[signature.subgraphIndex])
        for signature in tree.signatureDefs
    }


def test_the_model_holds_every_candidate(candidate_operators: dict[str, Counter[str]]) -> None:
    assert candidate_operators.keys() == {*CANDIDATES, "idle"}
    assert candidate_operators["idle"] == Counter({"ADD": 1})


@pytest.mark.parametrize("workload", CANDIDATES.values(), ids=str)
def test_a_candidate_has_the_operators_that_it_needs(
    workload: Workload, candidate_operators: dict[str, Counter[str]]
) -> None:
    assert candidate_operators[workload.name] == expected_operators(workload.block)


def test_a_net_has_the_operators_of_its_blocks(tmp_path: Path) -> None:
    architecture = SPACE.architecture([0, 6, 4, 5, 1, 6])
    export_tflite(build_network(architecture), (1, 1, 16, 16), tmp_path / "net.tflite")
    tree = read((tmp_path / "net.tflite").read_bytes())
    (graph,) = tree.subgraphs
    blocks = [block for block in architecture.blocks if not block.computes_nothing]
    assert operators(tree, graph) == sum(map(expected_operators, blocks), Counter())
