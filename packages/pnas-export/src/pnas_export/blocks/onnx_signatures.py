"""Many blocks converted to ONNX at once, and nets chained from them."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pnas_export.blocks.nets import EveryOutput
from pnas_export.blocks.signatures import IDLE, AddOne, SideBySide, distinct_names, workload_blocks, workload_inputs
from pnas_export.ground.conversion import ConversionError, converting
from pnas_export.ground.conversion_cache import cached_conversion, fingerprint
from pnas_ops import AnyWorkload, FilePath, ModuleArchitecture, ModuleBuilder, build_timed, example_inputs

IMAGES, RESULT = "images", "result"


def convert_onnx_workloads(
    workloads: Sequence[AnyWorkload],
    *,
    build: ModuleBuilder | None = None,
    cache: FilePath | None = None,
    log: FilePath | None = None,
) -> dict[str, bytes]:
    """ONNX models by `Workload.name`, and one more by "idle": "images" to "result", weights as in `workload_blocks`.

    All are converted as one module, which is then cut apart.

    Args:
        workloads: each once; from a user's own module, those with one input and one output.
        build: makes the modules of a `ModuleSpace`.
        cache: a folder for converted files.
        log: a file that receives what the converter prints; dropped if None.

    Raises:
        ValueError: for a workload that occurs twice or computes nothing.
        ConversionError: naming the workload that the converter refuses.
    """
    import onnx

    names = distinct_names(workloads)
    blocks = [block.requires_grad_(False) for block in workload_blocks(workloads, build)]
    inputs = workload_inputs(workloads)
    module, examples = SideBySide([*blocks, AddOne()]).eval(), [*inputs, torch.zeros(1, 1)]
    try:
        with converting(f"{len(blocks)} blocks to ONNX", log=log):
            content = cached_conversion(
                cache,
                lambda: fingerprint(module, examples, "blocks", libraries=["onnxscript", "onnx"]) + ".onnx",
                lambda: _convert(module, examples),
            )
    except ConversionError:
        # The joint conversion does not name the refused one, so each is tried alone.
        for name, block, example in zip(names, blocks, inputs, strict=True):
            with converting(f"block {name} to ONNX", log=log):
                _convert(block, [example])
        raise
    extractor = onnx.utils.Extractor(onnx.load_from_string(content))
    models = {}
    for index, name in enumerate([*names, IDLE]):
        model = extractor.extract_model([f"in_{index}"], [f"out_{index}"])
        models[name] = _renamed(model, {f"in_{index}": IMAGES, f"out_{index}": RESULT})
    return models


def chain_onnx(models: Sequence[bytes]) -> bytes:
    """A model that feeds the result of each model of `convert_onnx_workloads` to the next.

    Raises:
        ValueError: for no model.
    """
    import onnx

    if not models:
        raise ValueError("no model to chain: pass at least one")
    parts = [onnx.compose.add_prefix(onnx.load_from_string(model), f"{index}/") for index, model in enumerate(models)]
    chain = parts[0]
    for index, part in enumerate(parts[1:], start=1):
        chain = onnx.compose.merge_models(chain, part, io_map=[(f"{index - 1}/{RESULT}", f"{index}/{IMAGES}")])
    return _renamed(chain, {f"0/{IMAGES}": IMAGES, f"{len(parts) - 1}/{RESULT}": RESULT})


def convert_onnx_net(
    net: ModuleArchitecture,
    *,
    build: ModuleBuilder | None = None,
    cache: FilePath | None = None,
    log: FilePath | None = None,
) -> bytes:
    """An ONNX model of a net of a `ModuleSpace`, with any number of inputs and outputs; arguments as `net_model`.

    Raises:
        NoBuilderError: without `build`.
        ConversionError: naming the net that the converter refuses.
    """
    module, examples = EveryOutput(build_timed(net, build)).eval().requires_grad_(False), example_inputs(net)
    with converting(f"net {net.name} to ONNX", log=log):
        return cached_conversion(
            cache,
            lambda: fingerprint(module, examples, "net", libraries=["onnxscript", "onnx"]) + ".onnx",
            lambda: _convert(module, examples),
        )


def _convert(module: nn.Module, examples: Sequence[Tensor]) -> bytes:
    indices = range(len(examples))
    program = torch.onnx.export(
        module,
        tuple(examples),
        dynamo=True,
        input_names=[f"in_{index}" for index in indices],
        output_names=[f"out_{index}" for index in indices],  # the converter names any others
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    content: bytes = program.model_proto.SerializeToString()
    return content


def _renamed(model: Any, names: Mapping[str, str]) -> bytes:
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*model.graph.input, *model.graph.output):
        value.name = names.get(value.name, value.name)
    content: bytes = model.SerializeToString()
    return content
