"""Outputs of an ONNX graph, named as the net names them."""

from collections.abc import Sequence
from typing import Any


def name_outputs(graph: Any, names: Sequence[str]) -> None:
    """Gives the outputs of a `GraphProto` these names; values inside that have them already get others.

    The exporter's own renaming does not look for the latter: a key such as "relu" would stand in the graph twice.
    """
    results = [result.name for result in graph.output]
    inside = {name for node in graph.node for name in node.output} | {entry.name for entry in graph.initializer}
    taken = inside | set(names)
    renamed = {}
    for name in sorted((inside - set(results)) & set(names)):
        renamed[name] = next(other for index in range(len(taken) + 1) if (other := f"{name}_{index}") not in taken)
        taken.add(renamed[name])
    renamed |= dict(zip(results, names, strict=True))
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    for entry in (*graph.output, *graph.initializer, *graph.value_info):
        entry.name = renamed.get(entry.name, entry.name)
