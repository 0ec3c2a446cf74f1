"""What travels inside a file beside the net: how to prepare an image, and what the outputs mean."""

from pathlib import Path
from textwrap import shorten
from typing import Any

from attrs import field, frozen
from attrs.validators import min_len

from pnas_export.blocks.subgraphs import finish, read_tree
from pnas_ops import FilePath, Preprocessing, from_json, to_json, write_atomically

_KEY = "pnas"
_SHOWN_CHARACTERS = 50


@frozen(kw_only=True, repr=False)
class Metadata:
    """What a program needs to use a net's file.

    Attributes:
        labels: names of the classes, in the order of the outputs.
        preprocessing: of the images.
        raw_pixels: whether the file normalizes by itself and takes uint8 pixels; resizing is left to the caller.
    """

    labels: tuple[str, ...] = field(validator=min_len(1))
    preprocessing: Preprocessing
    raw_pixels: bool = False

    def __repr__(self) -> str:
        shown = shorten(", ".join(self.labels), _SHOWN_CHARACTERS, placeholder=" ...")
        takes = "pixels" if self.raw_pixels else "floats"
        return f"Metadata({len(self.labels)} labels: {shown}; {takes} {self.preprocessing.input_shape})"


def write_metadata(path: FilePath, metadata: Metadata) -> None:
    """Puts the metadata, as JSON, into an ONNX file (property "pnas") or a TFLite file (metadata buffer "pnas").

    Raises:
        ValueError: for a file of another kind, or a damaged one.
    """
    path, text = Path(path), to_json(metadata)
    if path.suffix == ".onnx":
        model = _read_onnx(path)
        kept = [entry for entry in model.metadata_props if entry.key != _KEY]
        del model.metadata_props[:]
        model.metadata_props.extend(kept)
        model.metadata_props.add(key=_KEY, value=text)
        write_atomically(path, model.SerializeToString())
    else:
        write_atomically(path, _with_buffer(_read_tflite(path), text.encode()))


def read_metadata(path: FilePath) -> Metadata:
    """The inverse of `write_metadata`.

    Raises:
        ValueError: for a file of another kind, a damaged one, or one without metadata.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        texts = [entry.value for entry in _read_onnx(path).metadata_props if entry.key == _KEY]
    else:
        tree = _read_tflite(path)
        entries = [entry for entry in tree.metadata or [] if entry.name == _KEY.encode()]
        texts = [bytes(tree.buffers[entry.buffer].data).decode() for entry in entries]
    if not texts:
        raise ValueError(f"{path} holds no metadata of PNAS: write it with write_metadata")
    return from_json(texts[0], Metadata)


def _read_onnx(path: Path) -> Any:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return onnx.load(path)
    except DecodeError:
        raise ValueError(f"{path} is no ONNX file, or damaged: export it again") from None


def _read_tflite(path: Path) -> Any:
    content = path.read_bytes()
    if content[4:8] != b"TFL3":
        raise ValueError(f"{path} is no TFLite file, or damaged: export it again")
    return read_tree(content)


def _with_buffer(tree: Any, data: bytes) -> bytes:
    from ai_edge_litert import schema_py_generated as schema

    tree.metadata = [entry for entry in tree.metadata or [] if entry.name != _KEY.encode()]
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(data)
    tree.buffers.append(buffer)
    entry.name, entry.buffer = _KEY.encode(), len(tree.buffers) - 1
    tree.metadata.append(entry)
    return finish(tree)
