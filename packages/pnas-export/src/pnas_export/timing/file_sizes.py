"""The sizes of a TFLite file's content and its activations, read from the file alone."""

from math import prod
from pathlib import Path
from typing import Any

from attrs import frozen

from pnas_export.runtimes.model_files import read_tflite
from pnas_ops import TFLITE_RULES, FilePath, RuntimeRules


@frozen(kw_only=True)
class FileSizes:
    """The sizes of a file, in bytes.

    Attributes:
        file: of the whole file.
        constants: of the buffers that its operators read: weights, biases, shapes, paddings, axes.
        peak_activations: of the tensors that are alive at once, at their peak.
    """

    file: int
    constants: int
    peak_activations: int


def tflite_sizes(path: FilePath, rules: RuntimeRules = TFLITE_RULES) -> FileSizes:
    """The sizes of a TFLite file of one signature.

    A tensor is alive from the operator that computes it to the last that reads it. The sizes do not include what
    kernels of a runtime need in addition, or what is lost to alignment.

    Args:
        path: of a file from `export_tflite` or `quantize_tflite`.
        rules: say which operators work in place.

    Raises:
        ValueError: for a file of several signatures, and a damaged one.
    """
    tree = read_tflite(path)
    if len(tree.subgraphs) != 1:
        raise ValueError(f"{path} has {len(tree.subgraphs)} signatures: name a file of one net")
    graph = _Graph(tree)
    return FileSizes(
        file=Path(path).stat().st_size, constants=graph.constant_bytes(), peak_activations=graph.peak_bytes(rules)
    )


class _Graph:
    """The operators of the only subgraph, and the tensors that they read and write."""

    def __init__(self, tree: Any) -> None:
        self._tree = tree
        (self._graph,) = tree.subgraphs
        self._codes = [code.builtinCode for code in tree.operatorCodes]
        # -1 is an optional input that is left out.
        self._reads = [[int(index) for index in one.inputs if index >= 0] for one in self._graph.operators]
        self._writes = [[int(index) for index in one.outputs] for one in self._graph.operators]

    def constant_bytes(self) -> int:
        buffers = {self._graph.tensors[index].buffer for reads in self._reads for index in reads}
        return sum(self._buffer_bytes(buffer) for buffer in buffers)

    def peak_bytes(self, rules: RuntimeRules) -> int:
        reads = [[index for index in row if not self._is_constant(index)] for row in self._reads]
        last_read = {index: step for step, row in enumerate(reads) for index in row}
        last_read |= dict.fromkeys(map(int, self._graph.outputs), len(reads))
        alive = {int(index): self._tensor_bytes(index) for index in self._graph.inputs}
        peak = sum(alive.values())
        for step, (row, writes) in enumerate(zip(reads, self._writes, strict=True)):
            dying = {index for index in row if last_read[index] == step}
            written = {index: self._tensor_bytes(index) for index in writes}
            in_place = self._name(step) in rules.in_place and any(alive[i] in written.values() for i in dying)
            peak = max(peak, sum(alive.values()) + (0 if in_place else sum(written.values())))
            alive = {index: size for index, size in (alive | written).items() if index not in dying}
        return peak

    def _name(self, step: int) -> str:
        from ai_edge_litert import schema_py_generated as schema

        code = self._codes[self._graph.operators[step].opcodeIndex]
        return next(str(name) for name, value in vars(schema.BuiltinOperator).items() if value == code)

    def _is_constant(self, index: int) -> bool:
        return self._buffer_bytes(self._graph.tensors[index].buffer) > 0

    def _buffer_bytes(self, buffer: int) -> int:
        data = self._tree.buffers[buffer].data
        return 0 if data is None else len(data)

    def _tensor_bytes(self, index: int) -> int:
        from ai_edge_litert import schema_py_generated as schema

        tensor = self._graph.tensors[index]
        sizes = {
            schema.TensorType.FLOAT32: 4,
            schema.TensorType.FLOAT16: 2,
            schema.TensorType.INT32: 4,
            schema.TensorType.INT8: 1,
            schema.TensorType.UINT8: 1,
        }
        return int(prod(tensor.shape)) * sizes[tensor.type]
