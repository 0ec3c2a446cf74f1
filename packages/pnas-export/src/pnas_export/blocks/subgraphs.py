"""A TFLite model of independent parts, cut into one subgraph and one signature for each part."""

import copy
from collections.abc import Collection, Sequence
from typing import Any

from pnas_export.runtimes.model_files import read_tree


def split_outputs(model: bytes, names: Sequence[str], *, any_layout: Collection[str] = ()) -> bytes:
    """Cuts a model whose output i depends only on its input i into signatures `names[i]`.

    Each signature takes "args_0" and gives "output_0". Names of tensors become unique in the file, as the quantizer
    requires.

    Args:
        model: of one subgraph.
        names: of the signatures.
        any_layout: the signatures whose inputs and outputs may have any order of dimensions that avoids a
            transposition.

    Raises:
        ValueError: if an output depends on another input, or on none.
    """
    from ai_edge_litert import schema_py_generated as schema

    tree = read_tree(model)
    (whole,) = tree.subgraphs
    (signature,) = tree.signatureDefs
    inputs = {entry.name.decode(): entry.tensorIndex for entry in signature.inputs}
    outputs = {entry.name.decode(): entry.tensorIndex for entry in signature.outputs}
    tree.subgraphs, tree.signatureDefs = [], []
    for index, name in enumerate(names):
        source, result = inputs[f"args_{index}"], outputs[f"output_{index}"]
        operators, tensors = _ancestors(whole, result)
        if tensors.intersection(whole.inputs) != {source}:
            raise ValueError(f"output {index} ({name}) does not depend on input {index} alone")
        if name in any_layout:
            operators, source, result = _without_transposed_ends(tree.operatorCodes, operators, source, result)
            tensors = {source, result, *(int(one) for op in operators for one in (*op.inputs, *op.outputs) if one >= 0)}
        place = {tensor: position for position, tensor in enumerate(sorted(tensors))}
        tree.subgraphs.append(_subgraph(whole, name, operators, place, source, result))
        entry = schema.SignatureDefT()
        entry.signatureKey, entry.subgraphIndex = name.encode(), index
        entry.inputs = [named(schema.TensorMapT(), "args_0", place[source])]
        entry.outputs = [named(schema.TensorMapT(), "output_0", place[result])]
        tree.signatureDefs.append(entry)
    return finish(tree)


def select(model: bytes, names: Sequence[str]) -> bytes:
    """The model with only these signatures, in this order, without the weights of the others.

    Args:
        model: of `split_outputs`.
        names: of its signatures.
    """
    tree = read_tree(model)
    graphs = {entry.signatureKey.decode(): (entry, tree.subgraphs[entry.subgraphIndex]) for entry in tree.signatureDefs}
    tree.signatureDefs, tree.subgraphs = (list(one) for one in zip(*(graphs[name] for name in names), strict=True))
    for index, entry in enumerate(tree.signatureDefs):
        entry.subgraphIndex = index
    needed = {tensor.buffer for graph in tree.subgraphs for tensor in graph.tensors}
    for index, buffer in enumerate(tree.buffers):
        if index not in needed:
            buffer.data = None
    return finish(tree)


def replicate(model: bytes, rows: Sequence[Sequence[str]]) -> bytes:
    """A model with a copy of signature `name`, weights included, for each row that names it: "3/name" in row 3.

    Args:
        model: of `split_outputs`.
        rows: names of its signatures.
    """
    from ai_edge_litert import schema_py_generated as schema

    tree = read_tree(model)
    graphs = {entry.signatureKey: tree.subgraphs[entry.subgraphIndex] for entry in tree.signatureDefs}
    signatures = {entry.signatureKey: entry for entry in tree.signatureDefs}
    tree.subgraphs, tree.signatureDefs = [], []
    for index, row in enumerate(rows):
        for name in row:
            graph = copy.copy(graphs[name.encode()])
            graph.name = f"{index}/{name}".encode()
            graph.tensors = [copy.copy(tensor) for tensor in graph.tensors]
            for tensor in graph.tensors:
                tensor.name = f"{index}/".encode() + tensor.name
                if tensor.buffer:  # 0 is the empty one
                    tree.buffers.append(tree.buffers[tensor.buffer])
                    tensor.buffer = len(tree.buffers) - 1
            entry = schema.SignatureDefT()
            entry.signatureKey, entry.subgraphIndex = graph.name, len(tree.subgraphs)
            entry.inputs, entry.outputs = signatures[name.encode()].inputs, signatures[name.encode()].outputs
            tree.subgraphs.append(graph)
            tree.signatureDefs.append(entry)
    return finish(tree)


def finish(tree: Any) -> bytes:
    """The file of a `ModelT`."""
    import flatbuffers  # type: ignore[import-untyped]

    builder = flatbuffers.Builder()
    builder.Finish(tree.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def named(entry: Any, name: str, tensor: int) -> Any:
    """The `TensorMapT` `entry`, with the name that a signature gives to a tensor."""
    entry.name, entry.tensorIndex = name.encode(), tensor
    return entry


def _ancestors(graph: Any, result: int) -> tuple[list[Any], set[int]]:
    """The operators that `result` needs, in order, and all tensors that they use."""
    operators = []
    tensors = {result}
    for operator in reversed(graph.operators):
        if tensors.intersection(operator.outputs):
            operators.append(operator)
            # -1 stands for an optional input that is left out.
            tensors.update(int(tensor) for tensor in (*operator.inputs, *operator.outputs) if tensor >= 0)
    return operators[::-1], tensors


def _without_transposed_ends(
    codes: Sequence[Any], operators: list[Any], source: int, result: int
) -> tuple[list[Any], int, int]:
    """The operators without those that only transpose the input or the output, and the new ends."""
    from ai_edge_litert import schema_py_generated as schema

    def transposes(operator: Any) -> bool:
        code = codes[operator.opcodeIndex]
        return bool(max(code.builtinCode, code.deprecatedBuiltinCode) == schema.BuiltinOperator.TRANSPOSE)

    readers = [operator for operator in operators if source in operator.inputs]
    if len(operators) > 1 and len(readers) == 1 and transposes(readers[0]):
        source = int(readers[0].outputs[0])
        operators = [operator for operator in operators if operator is not readers[0]]
    last = operators[-1]
    if len(operators) > 1 and result in last.outputs and transposes(last):
        result, operators = int(last.inputs[0]), operators[:-1]
    return operators, source, result


def _subgraph(graph: Any, name: str, operators: list[Any], place: dict[int, int], source: int, result: int) -> Any:
    part = copy.copy(graph)
    part.name = name.encode()
    part.inputs, part.outputs = [place[source]], [place[result]]
    part.tensors = [copy.copy(graph.tensors[tensor]) for tensor in place]
    for tensor in part.tensors:
        tensor.name = part.name + b"/" + tensor.name
    part.operators = [copy.copy(operator) for operator in operators]
    for operator in part.operators:
        operator.inputs = [place.get(tensor, -1) for tensor in operator.inputs]
        operator.outputs = [place[tensor] for tensor in operator.outputs]
    return part
