"""Labels that are no classes of the net, each refused with what they are."""

from pathlib import Path

import pytest
import torch
from attrs import evolve
from torch import Tensor, nn

from pnas_export import LabelError, Metadata, export_bundle
from pnas_export.proving.labels import are_classes, check_labels
from pnas_ops import Preprocessing

ROWS = torch.zeros(6, 3)
WRONG = [
    ([1, 2, 3, 1, 2, 3], r"go from 1 to 3, and the net has 3 outputs, counted from 0: count from 0 .*labels - 1$"),
    ([0, 1, 2, 3, 0, 1], r"go from 0 to 3, and the net has 3 outputs: give classes from 0 to 2$"),
    ([-1, 0, 1, 2, 0, 1], r"go from -1 to 2"),
    ([0.0, 1.0, 2.0, 0.0, 1.0, 2.0], r"are torch\.float32: .*labels\.long\(\)$"),
    ([True, False, True, False, True, False], r"are torch\.bool"),
    (torch.eye(3).repeat(2, 1).long().tolist(), r"are one-hot, \(6, 3\): .*labels\.argmax\(1\)$"),
    ([0, 1], r"of 6 images are of shape \(2,\): give one an image$"),
]


@pytest.mark.parametrize(("labels", "line"), WRONG)
def test_labels_that_are_no_classes_are_refused_in_one_line(labels: object, line: str) -> None:
    with pytest.raises(LabelError, match=line) as caught:
        check_labels(torch.tensor(labels), rows=ROWS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("labels", [[0, 1, 2, 0, 1, 2], [1, 1, 2, 2, 1, 1], [0] * 6])
def test_classes_pass(labels: list[int]) -> None:
    check_labels(torch.tensor(labels), rows=ROWS)
    check_labels(torch.tensor(labels, dtype=torch.uint8), rows=ROWS)


@pytest.mark.parametrize(
    ("targets", "rows", "expected"),
    [
        (torch.tensor([0, 1, 2, 0, 1, 7]), ROWS, True),  # wrong ones among them are refused, not passed over
        (torch.eye(3).repeat(2, 1), ROWS, True),  # one-hot, refused with the way out
        (torch.rand(6, 3), ROWS, False),  # a value an output: a regression
        (torch.tensor([[1, 1, 0]] * 6), ROWS, False),  # several classes an image
        (torch.zeros(6), torch.zeros(6, 1), False),  # one value an image
        (torch.zeros(6, 4, 4, dtype=torch.long), torch.zeros(6, 3, 4, 4), False),  # a class a pixel
    ],
)
def test_accuracy_is_for_classes_of_images(targets: Tensor, rows: Tensor, expected: bool) -> None:
    assert are_classes(targets, rows=rows) == expected


METADATA = Metadata(
    labels=("a", "b", "c"),
    preprocessing=Preprocessing(height=4, width=4, channels="grey", mean=(0.5,), std=(0.5,)),
)


@pytest.mark.parametrize(
    ("names", "labels", "line"),
    [
        (
            ("a", "b"),
            torch.tensor([0, 1]),
            "the net has 3 outputs, and the metadata 2 labels: give one name per output",
        ),
        (("a", "b", "c"), torch.tensor([1, 3]), "go from 1 to 3"),
    ],
)
def test_a_bundle_is_refused_before_anything_is_converted(
    names: tuple[str, ...], labels: Tensor, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*arguments: object, **options: object) -> None:
        raise AssertionError("converted")

    monkeypatch.setattr("pnas_export.bundles.bundle_export.export_file", forbidden)
    pixels = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    # The wrong label stands in the last batch.
    test = [(pixels, torch.tensor([0, 1])), (pixels, labels)]
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    with pytest.raises(LabelError, match=line):
        export_bundle(net, tmp_path / "bundle", ["onnx"], metadata=evolve(METADATA, labels=names), test=test)
    assert not list(tmp_path.iterdir())
