"""What a file holds and needs, against the memory that its runtime lays out."""

from pathlib import Path
from typing import Any

import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from attrs import evolve

from pnas_export import tflite_sizes
from pnas_export.blocks.subgraphs import finish, read_tree
from pnas_ops import TFLITE_RULES

BUNDLE = Path(__file__).parents[2] / "samples" / "finished-run" / "bundle"
FILES = [BUNDLE / "model.tflite", BUNDLE / "model-int8.tflite"]


def arena(file: Path) -> dict[int, tuple[int, int]]:
    """Where LiteRT's own kernels put each tensor that is computed, and its bytes."""
    interpreter: Any = Interpreter(
        model_path=str(file), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    computed = [int(index) for one in interpreter._get_ops_details() for index in one["outputs"]]  # noqa: SLF001
    views = {index: interpreter.tensor(index)() for index in (source["index"], *computed)}
    return {index: (view.__array_interface__["data"][0], view.nbytes) for index, view in views.items()}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_worst_moment_is_what_the_runtime_sets_aside_but_for_alignment(file: Path) -> None:
    places = arena(file).values()
    laid_out = max(start + size for start, size in places) - min(start for start, _ in places)
    peak = tflite_sizes(file).peak_activations
    # Tensors start at multiples of 64 bytes; a kernel of one input channel wants a little room of its own.
    assert peak <= laid_out <= peak + 64 * 16


def test_a_runtime_that_works_not_in_place_may_need_more() -> None:
    needs = [tflite_sizes(file).peak_activations for file in FILES]
    assert [tflite_sizes(file, evolve(TFLITE_RULES, in_place=frozenset())).peak_activations for file in FILES] >= needs


def test_constants_are_the_buffers_that_operators_read() -> None:
    for file in FILES:
        sizes = tflite_sizes(file)
        tree = read_tree(file.read_bytes())
        buffers = sum(0 if one.data is None else len(one.data) for one in tree.buffers)
        metadata = sum(len(tree.buffers[entry.buffer].data) for entry in tree.metadata)
        assert sizes.constants == buffers - metadata
        assert sizes.file == file.stat().st_size


def test_a_file_of_several_signatures_is_refused(tmp_path: Path) -> None:
    tree = read_tree(FILES[0].read_bytes())
    tree.subgraphs *= 2
    (tmp_path / "two.tflite").write_bytes(finish(tree))
    with pytest.raises(ValueError, match=r"two\.tflite has 2 signatures: name a file of one net"):
        tflite_sizes(tmp_path / "two.tflite")
