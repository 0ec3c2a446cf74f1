"""Which layer of a net each operator of its file belongs to."""

import re
from pathlib import Path
from typing import Any


def layers_in_file(exact: Path) -> tuple[str, ...]:
    """The names of the layers that compute something in a float32 file, in its order."""
    if exact.suffix == ".tflite":
        layers = layers_of_tflite_tensors(exact.read_bytes())
    else:
        import onnx

        layers = layers_of_onnx_tensors(onnx.load(exact).graph)
    return tuple(dict.fromkeys(layers.values()))


def check_layers(names: tuple[str, ...], layers: dict[str, str], file: str) -> None:
    """Raises ValueError for a name that is no layer of the file."""
    known = tuple(dict.fromkeys(layers.values()))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"{file} has no layer {unknown[0]!r}: name some of {', '.join(known)}")


def layers_of_tflite_tensors(content: bytes) -> dict[str, str]:
    """The layer that computes each tensor: that of the operator's weights, or else of its own name."""
    from ai_edge_litert import schema_py_generated as schema

    (graph,) = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0)).subgraphs
    names = [tensor.name.decode() for tensor in graph.tensors]
    layers: dict[str, str] = {}
    for operator in graph.operators:
        for output in operator.outputs:
            # Weights are an operator's second input.
            candidates = [names[index] for index in operator.inputs[1:2] if index >= 0]
            found = [layer for name in (*candidates, names[output]) if (layer := _layer_in_name(name))]
            layers[names[output]] = found[0] if found else names[output]
    return layers


def _layer_in_name(name: str) -> str:
    """The layer "8.3" of "…;…ChannelLastIOWrapper/….Sequential_wrapped/….Block_8/….Linear_3;1", "" without one."""
    places = [place.partition("_wrapped/")[2] for place in name.split(";")]
    parts = (re.fullmatch(r"[\w.]+?_(\w+)", part) for part in max(places, key=len).split("/"))
    return ".".join(part[1] for part in parts if part)


def layers_of_onnx_tensors(graph: Any) -> dict[str, str]:
    """The layer that computes each tensor: that of the weights, or of what it is an activation of."""
    weights = {entry.name for entry in graph.initializer}
    layers: dict[str, str] = {}
    for node in graph.node:
        own = [name.rpartition(".")[0] for name in node.input if name in weights and "." in name]
        sources = [layers[name] for name in node.input if name in layers]
        for output in node.output:
            layers[output] = own[0] if own else sources[0] if len(sources) == 1 else output
    return layers
