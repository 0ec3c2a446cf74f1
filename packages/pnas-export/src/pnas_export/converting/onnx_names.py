"""Naming the outputs of an ONNX graph like those of the net."""

from collections.abc import Sequence
from typing import Any


def name_outputs(graph: Any, names: Sequence[str]) -> None:
    """Gives the outputs of a `GraphProto` these names, and renames other values that already have them.

    The exporter's own renaming does not check for these: a key such as "relu" would be in the graph twice.
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
