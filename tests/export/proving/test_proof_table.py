"""Proofs, bundles and metadata at a prompt and in a notebook: short lines, and a table."""

from html.parser import HTMLParser
from pathlib import Path

import pytest
from attrs import evolve

from pnas_export import (
    AdjustedFile,
    Bundle,
    FileProof,
    LayerError,
    LossyFile,
    Metadata,
    OutputParity,
    Parity,
    Proof,
    Refusal,
    Timing,
)
from pnas_ops import Measurement, Preprocessing


def file_proof(file: str, runtime: str, latencies: tuple[float, ...]) -> FileProof:
    return FileProof(
        parity=Parity(
            file=file,
            runtime=runtime,
            runtime_version="2.0",
            images=40,
            max_abs_difference=0.5,
            max_relative_difference=0.00123,
            top1_agreement=0.975,
        ),
        accuracy=0.725,
        size_bytes=1_234_567,
        timings=tuple(
            Timing(
                threads=threads,
                measurement=Measurement(latency_ms=latency_ms, p25_ms=0, median_ms=0, p75_ms=0, count=9),
            )
            for threads, latency_ms in enumerate(latencies, start=1)
        ),
        peak_memory_bytes=8_900_000,
    )


@pytest.fixture
def proof() -> Proof:
    return Proof(
        processor="A <fast> processor",
        images=40,
        net_accuracy=0.75,
        files=(
            file_proof("model.tflite", "ai-edge-litert", (5.9123, 3.1)),
            file_proof("model-int8.tflite", "ai-edge-litert", (2.5, 1.75)),
            file_proof("model-int8.tflite", "tflite-runtime", (78.0, 40.0)),
        ),
        refused=(Refusal(file="model.tflite", runtime="tflite-runtime", reason="it cannot load model.tflite"),),
        lossy=(LossyFile(file="model-int8.tflite", layers=(LayerError(layer="3.op", relative_error=0.25),)),),
        adjusted=(AdjustedFile(file="model-int8.tflite", float_layers=("3.op", "4"), fine_tuned=True),),
    )


def test_a_proof_is_one_short_line_and_its_files_are(proof: Proof) -> None:
    # The accuracy of the net; two files, three runs.
    assert repr(proof) == "Proof(2 files on 40 images, accuracy 75.00%, A <fast> processor)"
    assert repr(proof.files[0]) == (
        "FileProof(model.tflite on ai-edge-litert 2.0: accuracy 72.50%, 1.2e-03 off, 5.91/3.1 ms, 1.23 MB)"
    )
    assert all(len(repr(one)) <= 120 and "\n" not in repr(one) for one in (proof, *proof.files))


def test_a_printed_proof_is_a_table(proof: Proof) -> None:
    assert str(proof).splitlines() == [
        "The net in PyTorch: accuracy 75.00% on 40 test images; A <fast> processor",
        "file               runtime             differs  same class  accuracy  ms, 1/2 threads  size     memory",
        "model.tflite       ai-edge-litert 2.0  1.2e-03  97.50%      72.50%    5.91/3.1         1.23 MB  8.9 MB",
        "model-int8.tflite  ai-edge-litert 2.0  1.2e-03  97.50%      72.50%    2.5/1.75         1.23 MB  8.9 MB",
        "model-int8.tflite  tflite-runtime 2.0  1.2e-03  97.50%      72.50%    78/40            1.23 MB  8.9 MB",
        "model-int8.tflite is furthest off at 3.op (25%)",
        "model-int8.tflite keeps 3.op, 4 in float32, and has weights fine-tuned for int8",
        "it cannot load model.tflite",
    ]


def test_where_there_is_no_accuracy_a_score_or_nothing_is_in_its_place(proof: Proof) -> None:
    scored = [evolve(one, accuracy=None, score=12.34567) for one in proof.files]
    told = evolve(proof, net_accuracy=None, net_score=0.5, files=tuple(scored))
    title, headings, first, *_ = str(told).splitlines()
    assert title == "The net in PyTorch: score 0.5 on 40 test images; A <fast> processor"
    assert "  same class  score  " in headings
    assert "  12.35  " in first
    neither = evolve(told, net_score=None, files=tuple(evolve(one, score=None) for one in scored))
    assert str(neither).startswith("The net in PyTorch: 40 images; A <fast> processor\n")
    assert repr(neither) == "Proof(2 files on 40 images, A <fast> processor)"
    assert (
        repr(neither.files[1])
        == "FileProof(model-int8.tflite on ai-edge-litert 2.0: 1.2e-03 off, 2.5/1.75 ms, 1.23 MB)"
    )


def test_each_of_several_outputs_has_its_difference_in_a_note(proof: Proof) -> None:
    outputs = tuple(
        OutputParity(output=name, max_abs_difference=9.0, max_relative_difference=far, rms_relative_difference=8.0)
        for name, far in (("boxes", 0.012), ("classes", 0.5))
    )
    first, second, _ = proof.files
    several = evolve(first, parity=evolve(first.parity, outputs=outputs))
    single = evolve(second, parity=evolve(second.parity, outputs=outputs[:1]))
    notes = str(evolve(proof, files=(several, single))).splitlines()[4:]
    assert notes[0] == "model.tflite on ai-edge-litert differs in boxes by 1.2e-02, classes by 5.0e-01"
    assert not any("differs in" in note for note in notes[1:])


def test_a_latency_that_did_not_come_out_alike_again_has_a_word(proof: Proof) -> None:
    one, two = proof.files[0].timings
    noisy = evolve(two, measurement=evolve(two.measurement, latency_ms=19.6, noisy=True))
    told = evolve(proof, files=(evolve(proof.files[0], timings=(one, noisy)), *proof.files[1:]))
    assert "  5.91/19.6 noisy  " in str(told).splitlines()[2]
    assert "noisy" not in str(proof)


class Cells(HTMLParser):
    """The texts of a table, row by row."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data: str) -> None:
        if self.rows:
            self.rows[-1].append(data)


def test_a_notebook_shows_the_same_as_html(proof: Proof) -> None:
    html = proof._repr_html_()
    assert "A &lt;fast&gt; processor" in html
    assert "<fast>" not in html
    lines = str(proof).splitlines()
    assert [" ".join(row) for row in Cells(html).rows[:3]] == [" ".join(line.split()) for line in lines[1:4]]
    for note in lines[-2:]:
        assert note in html


def test_a_proof_of_no_file_is_a_table_too() -> None:
    empty = Proof(processor="x", images=1, net_accuracy=1.0, files=())
    assert len(str(empty).splitlines()) == 2
    assert empty._repr_html_().startswith("<table>")


def test_a_thousand_labels_are_one_short_line() -> None:
    preprocessing = Preprocessing(height=224, width=224, channels="RGB", mean=(0.5,) * 3, std=(0.25,) * 3)
    many = Metadata(labels=tuple(f"a shark, or number {index}" for index in range(1000)), preprocessing=preprocessing)
    assert repr(many) == (
        "Metadata(1000 labels: a shark, or number 0, a shark, or number 1, a ...; floats (1, 3, 224, 224))"
    )
    two = Metadata(labels=("cat", "dog"), preprocessing=preprocessing, raw_pixels=True)
    assert repr(two) == "Metadata(2 labels: cat, dog; pixels (1, 3, 224, 224))"


def test_a_bundle_says_where_it_is() -> None:
    assert repr(Bundle("runs/found")) == repr(Bundle(Path("runs", "found"))) == "Bundle('runs/found')"
