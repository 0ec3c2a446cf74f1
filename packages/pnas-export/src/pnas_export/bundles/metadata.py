"""The metadata inside a file: how to prepare an image, and what the outputs mean."""

from pathlib import Path
from textwrap import shorten
from typing import Any

from attrs import frozen

from pnas_export.blocks.subgraphs import finish
from pnas_export.ground.outputs import NetOutput
from pnas_export.runtimes.model_files import ModelFileError, read_onnx, read_tflite
from pnas_ops import FilePath, Preprocessing, from_json, in_one_line, to_json, write_atomically

_KEY = "pnas"
_SHOWN_CHARACTERS = 50


@frozen(kw_only=True, repr=False)
class Metadata:
    """What a program needs to use a net's file.

    Attributes:
        labels: names of the classes, in the order of the first output's logits (classes,) or channels (classes, H, W);
            empty if the outputs are no classes.
        preprocessing: of the images.
        raw_pixels: whether the file normalizes by itself and takes uint8 pixels; resizing is left to the caller.
        outputs: of the net; `export_bundle` fills them in.
    """

    labels: tuple[str, ...] = ()
    preprocessing: Preprocessing
    raw_pixels: bool = False
    outputs: tuple[NetOutput, ...] = ()

    def __repr__(self) -> str:
        shown = shorten(", ".join(self.labels), _SHOWN_CHARACTERS, placeholder=" ...")
        takes = "pixels" if self.raw_pixels else "floats"
        said = f"{len(self.labels)} labels: {shown}" if self.labels else "no labels"
        return f"Metadata({said}; {takes} {self.preprocessing.input_shape})"

    @property
    def classifies(self) -> bool:
        """Whether the first output is logits, one for each label."""
        return bool(self.labels) and (not self.outputs or self.outputs[0].shape == (len(self.labels),))

    @property
    def size_bytes(self) -> int:
        """Its size in a file, in bytes."""
        return len(to_json(self).encode())


def write_metadata(path: FilePath, metadata: Metadata) -> None:
    """Puts the metadata, as JSON, into an ONNX file (property "pnas") or a TFLite file (metadata buffer "pnas").

    Raises:
        ModelFileError: for a file of another kind, or a damaged one.
    """
    path, text = Path(path), to_json(metadata)
    if path.suffix == ".onnx":
        model = read_onnx(path)
        kept = [entry for entry in model.metadata_props if entry.key != _KEY]
        del model.metadata_props[:]
        model.metadata_props.extend(kept)
        model.metadata_props.add(key=_KEY, value=text)
        write_atomically(path, model.SerializeToString())
    else:
        write_atomically(path, _with_buffer(read_tflite(path), text.encode()))


def read_metadata(path: FilePath) -> Metadata:
    """The inverse of `write_metadata`.

    Raises:
        ModelFileError: for a file of another kind, a damaged one, or one without metadata.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        texts = [entry.value.encode() for entry in read_onnx(path).metadata_props if entry.key == _KEY]
    else:
        tree = read_tflite(path)
        buffers = [entry.buffer for entry in tree.metadata or [] if entry.name == _KEY.encode()]
        texts = [bytes(tree.buffers[index].data) for index in buffers if index < len(tree.buffers)]
    if not texts:
        raise ModelFileError(
            f"{path} holds no metadata of PNAS",
            "name a file that PNAS exported, or give it some with pnas_export.write_metadata",
        )
    try:
        return from_json(texts[0].decode(), Metadata)
    except ValueError as error:
        raise ModelFileError(
            f"{path} holds metadata that cannot be read ({in_one_line(error)})", "export it again"
        ) from None


def _with_buffer(tree: Any, data: bytes) -> bytes:
    from ai_edge_litert import schema_py_generated as schema

    tree.metadata = [entry for entry in tree.metadata or [] if entry.name != _KEY.encode()]
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(data)
    tree.buffers.append(buffer)
    entry.name, entry.buffer = _KEY.encode(), len(tree.buffers) - 1
    tree.metadata.append(entry)
    return finish(tree)
