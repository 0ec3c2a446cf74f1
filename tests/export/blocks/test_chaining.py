"""Signatures in a row: the net of those blocks, as a file like any other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import Tensor, nn

from pnas_export import (
    TFLite,
    architecture_signatures,
    chain_signatures,
    convert_workloads,
    export_tflite,
    installed_runtimes,
    quantize_tflite,
    verify_files,
    workload_blocks,
)
from pnas_ops import Architecture, Workload, build_network, digits_mbconv_space, workloads

TFLITE_RUNTIMES = [runtime for runtime in installed_runtimes() if isinstance(runtime, TFLite)]
SPACE = digits_mbconv_space()
# The first has a block behind itself, the second one block less.
ARCHITECTURES = [SPACE.architecture(choices) for choices in ([0, 5, 5, 2, 0, 1], [0, 1, 6, 3, 6, 4])]


def needed() -> list[Workload]:
    """Of the space, in its order and not in those of the architectures."""
    names = {name for architecture in ARCHITECTURES for name in architecture_signatures(architecture)}
    return list(dict.fromkeys(one for row in workloads(SPACE) for one in row if one.name in names))


@pytest.fixture(scope="module")
def model(conversions: Path) -> bytes:
    return convert_workloads(needed(), cache=conversions)


@pytest.fixture(scope="module")
def blocks() -> dict[str, nn.Module]:
    return dict(zip((workload.name for workload in needed()), workload_blocks(needed()), strict=True))


@pytest.fixture
def image() -> Tensor:
    return torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(5))


def channel_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).contiguous() if x.ndim == 4 else x


def read(model: bytes) -> Any:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))


def operators(model: bytes) -> list[tuple[int, int, int]]:
    """Code, version and number of inputs of every operator, in the order of the file."""
    tree = read(model)
    (graph,) = tree.subgraphs
    codes = [tree.operatorCodes[operator.opcodeIndex] for operator in graph.operators]
    return [
        (code.builtinCode, code.version, len(operator.inputs))
        for code, operator in zip(codes, graph.operators, strict=True)
    ]


@pytest.mark.parametrize("runtime", TFLITE_RUNTIMES, ids=lambda runtime: runtime.name)
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=["dense", "sparse"])
def test_a_chain_gives_bit_for_bit_what_its_blocks_give_one_by_one(
    runtime: TFLite, architecture: Architecture, model: bytes, image: Tensor
) -> None:
    names = architecture_signatures(architecture)
    one_by_one = runtime.interpreter(model)
    expected = channel_last(image).numpy()
    for name in names:
        expected = one_by_one.get_signature_runner(name)(args_0=expected)["output_0"]
    chain = runtime.interpreter(chain_signatures(model, names))
    assert chain.get_signature_list() == {"serving_default": {"inputs": ["args_0"], "outputs": ["output_0"]}}
    result = chain.get_signature_runner("serving_default")(args_0=channel_last(image).numpy())["output_0"]
    assert (result == expected).all()


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=["dense", "sparse"])
def test_a_chain_computes_what_pytorch_does(
    architecture: Architecture, model: bytes, blocks: dict[str, nn.Module], image: Tensor, tmp_path: Path
) -> None:
    names = architecture_signatures(architecture)
    path = tmp_path / "chain.tflite"
    path.write_bytes(chain_signatures(model, names))
    # `verify_files` runs the file as images (1, C, H, W) on every installed runtime, and raises above the tolerance.
    proofs = verify_files(nn.Sequential(*(blocks[name] for name in names)), [path], image, tolerance=1e-5)
    assert len(proofs) == len(TFLITE_RUNTIMES)


@pytest.fixture(scope="module")
def chain(model: bytes) -> bytes:
    return chain_signatures(model, architecture_signatures(ARCHITECTURES[0]))


@pytest.fixture(scope="module")
def exported(blocks: dict[str, nn.Module], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same net, by way of the converter."""
    path: Path = tmp_path_factory.mktemp("exported") / "net.tflite"
    net = nn.Sequential(*(blocks[name] for name in architecture_signatures(ARCHITECTURES[0])))
    export_tflite(net, (1, 1, 16, 16), path)
    return path


def test_a_chain_has_the_operators_of_the_net(chain: bytes, exported: Path) -> None:
    assert operators(chain) == operators(exported.read_bytes())


def test_every_layer_has_weights_of_its_own(chain: bytes) -> None:
    tree = read(chain)
    (graph,) = tree.subgraphs
    weights = [operator.inputs[1] for operator in graph.operators if len(operator.inputs) == 3]  # source, weight, bias
    buffers = {graph.tensors[tensor].buffer for tensor in weights}
    layers = [part for part in build_network(ARCHITECTURES[0]).modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    assert len(buffers) == len(weights) == len(layers)
    assert sum(len(tree.buffers[index].data) for index in buffers) == sum(4 * part.weight.numel() for part in layers)


@pytest.mark.parametrize("runtime", TFLITE_RUNTIMES, ids=lambda runtime: runtime.name)
def test_in_int8_too(runtime: TFLite, chain: bytes, exported: Path, tmp_path: Path) -> None:
    images = torch.randn(32, 1, 16, 16, generator=torch.Generator().manual_seed(6))
    (tmp_path / "chain.tflite").write_bytes(chain)
    logits = []
    for source in (exported, tmp_path / "chain.tflite"):
        target = tmp_path / f"{source.stem}-int8.tflite"
        quantize_tflite(source, target, "int8", calibration=images)
        logits.append(runtime.load(target)(images))
    assert torch.equal(*logits)
    assert logits[0].std() > 0


def test_tensor_names_are_unique_and_every_buffer_is_used(model: bytes) -> None:
    name = needed()[1].name
    tree = read(chain_signatures(model, [name, name, name]))
    (graph,) = tree.subgraphs
    names = [tensor.name for tensor in graph.tensors]
    assert len(set(names)) == len(names)
    used = {tensor.buffer for tensor in graph.tensors} | {entry.buffer for entry in tree.metadata}
    assert used | {0} == set(range(len(tree.buffers)))
    assert {operator.opcodeIndex for operator in graph.operators} == set(range(len(tree.operatorCodes)))


@pytest.mark.parametrize("name", ["first", "idle"])
def test_one_name_is_the_file_of_one_block(name: str, model: bytes) -> None:
    key = needed()[0].name if name == "first" else name
    interpreter, whole = (TFLITE_RUNTIMES[0].interpreter(one) for one in (chain_signatures(model, [key]), model))
    (source,) = interpreter.get_input_details()
    x = torch.randn(source["shape"].tolist()).numpy()
    result = interpreter.get_signature_runner("serving_default")(args_0=x)["output_0"]
    assert (result == whole.get_signature_runner(key)(args_0=x)["output_0"]).all()


def refusal(model: bytes, names: Sequence[str]) -> str:
    with pytest.raises(ValueError, match=r"\S") as caught:
        chain_signatures(model, names)
    return str(caught.value)


def test_blocks_that_do_not_fit_are_named(model: bytes) -> None:
    first, *_, last = architecture_signatures(ARCHITECTURES[0])
    message = refusal(model, [first, last])
    assert message.startswith(f"{first!r} gives 1x16x16x16 float32, but {last!r} after it takes 1x4x4x")


def test_a_name_that_is_not_there_is_named(model: bytes) -> None:
    assert refusal(model, ["idle", "nowhere"]).startswith("the model has no signature 'nowhere', only 'conv3 1->16")


def test_no_name_is_refused(model: bytes) -> None:
    assert refusal(model, []) == "no signature to chain: name at least one"


def test_the_signatures_of_a_net_leave_out_what_computes_nothing(architecture: Architecture) -> None:
    assert architecture_signatures(architecture) == (
        "conv3 3->8 s1 @8x8",
        "mb1-3x3 8->8 s1 +x @8x8",
        "mb3-5x5 8->16 s2 @8x8",
        "classifier-24 16->5 s1 @4x4",
    )
