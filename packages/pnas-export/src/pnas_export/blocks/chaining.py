"""Signatures of one TFLite model, chained to a separate model."""

import copy
from collections.abc import Sequence
from typing import Any

from pnas_export.blocks.subgraphs import finish, named
from pnas_ops import Architecture, workloads


def architecture_signatures(architecture: Architecture) -> tuple[str, ...]:
    """The signatures of `convert_workloads` that a net runs, in order; a block that computes nothing has none."""
    return tuple(workload.name for (workload,) in workloads(architecture) if not workload.computes_nothing)


def chain_signatures(model: bytes, names: Sequence[str]) -> bytes:
    """A model that feeds the output of each named signature to the next; it takes milliseconds, without a conversion.

    All blocks of a net give a model with the operators and the size of the file that `export_tflite` writes for the
    net; a single name gives a file of that block alone. A signature that is named several times has a copy of its
    weights at each place, like the blocks of a net: shared weights would be in the cache already.

    Args:
        model: of `convert_workloads`: each signature takes "args_0" and gives "output_0".
        names: signatures in the order in which they run.

    Returns:
        A model with the single signature "serving_default", which takes "args_0" and gives "output_0".

    Raises:
        ValueError: for no name, for one that the model lacks, and for two neighbours, which it names, whose output and
            input do not match.
    """
    from ai_edge_litert import schema_py_generated as schema

    # Only the parts that are chained are read: a table's model has hundreds of others.
    source = schema.Model.GetRootAs(model, 0)
    entries = [source.SignatureDefs(index) for index in range(source.SignatureDefsLength())]
    places = {entry.SignatureKey().decode(): entry.SubgraphIndex() for entry in entries}
    if not names:
        raise ValueError("no signature to chain: name at least one")
    if missing := [name for name in names if name not in places]:
        raise ValueError(f"the model has no signature {missing[0]!r}, only {', '.join(map(repr, places))}")
    parts = {name: schema.SubGraphT.InitFromObj(source.Subgraphs(places[name])) for name in dict.fromkeys(names)}
    chain = _Chain(source)
    for name in names:
        chain.append(name, parts[name])
    tree = schema.ModelT()
    tree.version, tree.description = source.Version(), source.Description()
    tree.metadata = [schema.MetadataT.InitFromObj(source.Metadata(index)) for index in range(source.MetadataLength())]
    for metadata in tree.metadata:
        metadata.buffer = chain.keep_buffer(metadata.buffer)
    tree.buffers, tree.operatorCodes = chain.buffers, chain.operator_codes

    graph = schema.SubGraphT()
    graph.name, graph.tensors, graph.operators = b"main", chain.tensors, chain.operators
    graph.inputs, graph.outputs = [chain.source], [chain.result]
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = b"serving_default", 0
    signature.inputs = [named(schema.TensorMapT(), "args_0", chain.source)]
    signature.outputs = [named(schema.TensorMapT(), "output_0", chain.result)]
    tree.subgraphs, tree.signatureDefs = [graph], [signature]
    return finish(tree)


class _Chain:
    """The growing subgraph, and the parts of the model that it needs."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.buffers, self.operator_codes = list[Any](), list[Any]()
        self._codes = dict[int, int]()
        self._read_buffer(0)  # the empty one, by the rules of the format
        self.tensors, self.operators = list[Any](), list[Any]()
        self.source = self.result = -1
        self._last_name = ""

    def append(self, name: str, part: Any) -> None:
        """Appends the operators of the subgraph `part`."""
        (source,), (result,) = part.inputs, part.outputs
        place = {-1: -1}  # an optional input that is left out
        if self.tensors:
            gives, takes = _form(self.tensors[self.result]), _form(part.tensors[source])
            if gives != takes:
                raise ValueError(f"{self._last_name!r} gives {gives}, but {name!r} after it takes {takes}")
            place[source] = self.result
        prefix = f"{len(self.operators)}/".encode()
        for index, tensor in enumerate(part.tensors):
            if index not in place:
                place[index] = len(self.tensors)
                self.tensors.append(copy.copy(tensor))
                self.tensors[-1].name = prefix + tensor.name
                self.tensors[-1].buffer = self.keep_buffer(tensor.buffer)
        for operator in part.operators:
            self.operators.append(copy.copy(operator))
            self.operators[-1].opcodeIndex = self._keep_code(operator.opcodeIndex)
            self.operators[-1].inputs = [place[tensor] for tensor in operator.inputs]
            self.operators[-1].outputs = [place[tensor] for tensor in operator.outputs]
        if self.source < 0:
            self.source = place[source]
        self.result, self._last_name = place[result], name

    def keep_buffer(self, index: int) -> int:
        """The index of the copy of the model's buffer `index`."""
        if index == 0:
            return 0
        self._read_buffer(index)
        return len(self.buffers) - 1

    def _read_buffer(self, index: int) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.buffers.append(schema.BufferT.InitFromObj(self._model.Buffers(index)))

    def _keep_code(self, index: int) -> int:
        from ai_edge_litert import schema_py_generated as schema

        if index not in self._codes:
            self._codes[index] = len(self.operator_codes)
            self.operator_codes.append(schema.OperatorCodeT.InitFromObj(self._model.OperatorCodes(index)))
        return self._codes[index]


def _form(tensor: Any) -> str:
    from ai_edge_litert import schema_py_generated as schema

    names = {code: name.lower() for name, code in vars(schema.TensorType).items() if isinstance(code, int)}
    return f"{'x'.join(map(str, tensor.shape))} {names[tensor.type]}"
