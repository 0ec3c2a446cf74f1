"""The README of a bundle: the inputs and outputs of its files, and code that runs them."""

from collections.abc import Sequence
from importlib.resources import files as resources
from itertools import groupby
from pathlib import Path

from attrs import frozen
from jinja2 import Environment, StrictUndefined

from pnas_export.bundles.interface import Interface, read_interface
from pnas_export.bundles.metadata import Metadata
from pnas_export.bundles.sample import SHOWN_VALUES
from pnas_export.proving.proof import FileProof, Proof
from pnas_export.quantizing.formats import FORMATS, Format, file_name

_WHEN: dict[Format, str] = {
    "tflite": "first: it computes the same as the net",
    "tflite-float16": "for half the download: weights in half precision, computed in float32",
    "tflite-dynamic-int8": "for a small download: weights in int8; not on tflite-runtime, which runs it wrongly",
    "tflite-int8": "for small size, for devices on which it is faster, and for integer-only accelerators",
    "tflite-int8-float-io": "like model-int8.tflite, with float input and output: it converts them itself",
    "onnx": "first with ONNX Runtime: it computes the same as the net",
    "onnx-int8": "for small size with ONNX Runtime: int8 inside",
}
_NAMED_LABELS = 10


@frozen(kw_only=True)
class _File:
    """A file of the bundle, in the form for the template."""

    name: str
    interface: Interface
    when: str
    size_bytes: int
    proof: FileProof | None

    @property
    def is_onnx(self) -> bool:
        return self.name.endswith(".onnx")

    @property
    def used_like(self) -> tuple[bool, str, bool, str, bool]:
        """A key that is equal for files that the same code runs."""
        source, result = self.interface.source, self.interface.result
        return self.is_onnx, source.dtype, source.scale is None, result.dtype, result.scale is None


def bundle_readme(metadata: Metadata, files: Sequence[Path], *, proof: Proof | None, has_sample: bool) -> str:
    """Markdown text: which file to take, how to prepare its images, and code in Python and Kotlin.

    Args:
        metadata: labels and preprocessing.
        files: all of the bundle.
        proof: of the files; without it, accuracy and speed are left out.
        has_sample: whether the bundle has a sample.
    """
    template = resources("pnas_export.bundles").joinpath("readme.md.jinja").read_text(encoding="utf-8")
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    shown = [_shown(file, proof) for file in sorted(files, key=_rank)]
    alike = sorted(shown, key=lambda file: file.used_like)
    groups = [list(group) for _, group in groupby(alike, key=lambda file: file.used_like)]
    groups.sort(key=lambda group: shown.index(group[0]))
    preprocessing = metadata.preprocessing
    _, channels, height, width = preprocessing.input_shape
    return environment.from_string(template).render(
        files=shown,
        groups=groups,
        labels=[_printable(label) for label in metadata.labels[:_NAMED_LABELS]],
        classes=len(metadata.labels),
        classifies=metadata.classifies,
        outputs=metadata.outputs,
        shown_values=SHOWN_VALUES,
        raw_pixels=metadata.raw_pixels,
        preprocessing=preprocessing,
        height=height,
        width=width,
        channels=channels,
        shorter_side=preprocessing.shorter_side or max(height, width),
        proof=proof,
        has_sample=has_sample,
    )


def _shown(file: Path, proof: Proof | None) -> _File:
    proofs = [one for one in (proof.files if proof else ()) if one.parity.file == file.name]
    when = [text for name, text in _WHEN.items() if file_name(name) == file.name]
    return _File(
        name=file.name,
        interface=read_interface(file),
        when=when[0] if when else "",
        size_bytes=file.stat().st_size,
        proof=proofs[0] if proofs else None,
    )


def _rank(file: Path) -> tuple[int, str]:
    """Sorts TFLite first, and the exact file of each kind, in whatever order they were made."""
    order = [file_name(name) for name in sorted(FORMATS, key=lambda name: name.startswith("onnx"))]
    return (order.index(file.name) if file.name in order else len(order)), file.name


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
