"""A proof as a table for a terminal or a notebook."""

from typing import TYPE_CHECKING

from pnas_ops import html_table

if TYPE_CHECKING:
    from pnas_export.proving.proof import FileProof, Proof


def file_cells(one: "FileProof") -> tuple[str, ...]:
    """File, runtime, difference, agreement, accuracy, latency, size and memory."""
    return (
        one.parity.file,
        f"{one.parity.runtime} {one.parity.runtime_version}",
        f"{one.parity.max_relative_difference:.1e}",
        "" if one.parity.top1_agreement is None else f"{one.parity.top1_agreement:.2%}",
        one.quality,
        "/".join(map(str, one.timings)),
        f"{one.size_bytes / 1e6:.2f} MB",
        f"{one.peak_memory_bytes / 1e6:.1f} MB",
    )


def shown_quality(accuracy: float | None, score: float | None) -> str:
    """The one of the two that is known."""
    return f"{accuracy:.2%}" if accuracy is not None else f"{score:.4g}" if score is not None else ""


def proof_as_text(proof: "Proof") -> str:
    """A line for each file and runtime, in columns."""
    rows = [_headings(proof), *map(file_cells, proof.files)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join([_title(proof), *lines, *_notes(proof)])


def proof_as_html(proof: "Proof") -> str:
    """The same as an HTML table."""
    return html_table(
        _title(proof), _headings(proof), [file_cells(one) for one in proof.files], below="; ".join(_notes(proof))
    )


def _title(proof: "Proof") -> str:
    name = "accuracy" if proof.net_accuracy is not None else "score"
    said = (
        f"{name} {proof.net_quality} on {proof.images} test images" if proof.net_quality else f"{proof.images} images"
    )
    return f"The net in PyTorch: {said}; {proof.processor}"


def _headings(proof: "Proof") -> tuple[str, ...]:
    threads = "/".join(str(timing.threads) for timing in proof.files[0].timings) if proof.files else ""
    judged = "accuracy" if proof.net_accuracy is not None else "score"
    return ("file", "runtime", "differs", "same class", judged, f"ms, {threads} threads", "size", "memory")


def _notes(proof: "Proof") -> list[str]:
    worst = (", ".join(f"{layer.layer} ({layer.relative_error:.0%})" for layer in one.layers) for one in proof.lossy)
    lossy = (f"{one.file} is furthest off at {layers}" for one, layers in zip(proof.lossy, worst, strict=True))
    return [*_by_output(proof), *lossy, *map(str, proof.adjusted), *(refusal.reason for refusal in proof.refused)]


def _by_output(proof: "Proof") -> list[str]:
    """The difference of each output, for files with several."""
    several = [one.parity for one in proof.files if len(one.parity.outputs) > 1]
    return [
        f"{parity.file} on {parity.runtime} differs in "
        + ", ".join(f"{output.output} by {output.max_relative_difference:.1e}" for output in parity.outputs)
        for parity in several
    ]
