"""`eval` of files that others have made, and have given the metadata that it asks for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from pnas_apps.cli.file_commands import eval_run
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_set import ImageSet, measure_preprocessing
from pnas_apps.run.run import Run
from pnas_export import Metadata, write_metadata
from small_runs import printed_by_run, small_preset, small_run

SLOPES, OFFSETS = np.array([-1.0, 0.0, 0.1]), np.array([0.0, 0.5, 0.0])
"""Of values that say a class by the mean brightness; the brightest is told apart from the middle one by nobody."""


@pytest.fixture
def run(tmp_path: Path, image_set: ImageSet, reporter: Reporter) -> Run:
    return small_run(tmp_path / "run", image_set, reporter, preset=small_preset())


def foreign(
    path: Path,
    image_set: ImageSet,
    shape: Sequence[int],
    *,
    size: int | str = 8,
    classes: int = 3,
    beside: bool = False,
) -> Path:
    """An ONNX file of a convolution over the whole image, with metadata.

    Args:
        path: of the file.
        image_set: what it is for.
        shape: of its output, of a batch.
        size: of an image's sides, or the name of a free size.
        classes: the number of values.
        beside: whether the weights are in a second file, as PyTorch's exporter leaves them.
    """
    weights = np.repeat(np.resize(SLOPES, classes), 64).reshape(classes, 1, 8, 8).astype(np.float32) / 64
    constants = {"weights": weights, "offsets": np.resize(OFFSETS, classes).astype(np.float32)}
    constants["shape"] = np.array(shape, np.int64)
    nodes = [
        helper.make_node("Conv", ["the image", "weights", "offsets"], ["values"]),
        helper.make_node("Reshape", ["values", "shape"], ["out"]),
    ]
    image = helper.make_tensor_value_info("the image", TensorProto.FLOAT, ["n", 1, size, size])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", *shape[1:]])
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "foreign", [image], [out], initializers)
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    onnx.save(model, path, save_as_external_data=beside, location=f"{path.name}.data", size_threshold=100)
    write_metadata(path, Metadata(labels=image_set.classes, preprocessing=measure_preprocessing(image_set)))
    return path


@pytest.mark.parametrize("shape", [(-1, 3), (-1, 3, 1, 1), (-1, 1, 1, 3)])
@pytest.mark.parametrize(("size", "beside"), [(8, True), ("side", False)])
def test_a_file_of_one_value_a_class_is_judged(
    run: Run, image_set: ImageSet, tmp_path: Path, shape: tuple[int, ...], size: int | str, beside: bool
) -> None:
    file = foreign(tmp_path / "a net.onnx", image_set, shape, size=size, beside=beside)
    means = measure_preprocessing(image_set)(image_set.images).mean((1, 2, 3), dtype=torch.float64)
    answers = (means[:, None] * torch.from_numpy(SLOPES) + torch.from_numpy(OFFSETS)).argmax(1)
    right = float((answers == image_set.labels).double().mean())
    assert 0.5 < right < 1
    eval_run(run, "searched", [file], runtime=None, images=None)
    assert f" {right:.2%}" in printed_by_run(run)


@pytest.mark.parametrize(
    ("shape", "classes", "shown"), [((-1, 6), 6, r"\(6,\)"), ((-1,), 1, r"\(\)"), ((-1, 3, 1, 2), 6, r"\(3, 1, 2\)")]
)
def test_a_file_of_other_values_than_one_a_class_is_refused(
    run: Run, image_set: ImageSet, tmp_path: Path, shape: tuple[int, ...], classes: int, shown: str
) -> None:
    file = foreign(tmp_path / "net.onnx", image_set, shape, classes=classes)
    with pytest.raises(UserError, match=rf"gives an output of shape {shown} for 3 labels: export the net again, with"):
        eval_run(run, "searched", [file], runtime=None, images=None)


def test_a_file_for_images_of_another_size_is_refused(run: Run, image_set: ImageSet, tmp_path: Path) -> None:
    file = foreign(tmp_path / "net.onnx", image_set, (-1, 3), size=16)
    with pytest.raises(
        UserError, match=r"takes images \(N, 1, 16, 16\), these are \(N, 1, 8, 8\): export it for these"
    ):
        eval_run(run, "searched", [file], runtime=None, images=None)


def test_weights_that_were_left_behind_are_named(run: Run, image_set: ImageSet, tmp_path: Path) -> None:
    file = foreign(tmp_path / "net.onnx", image_set, (-1, 3), beside=True)
    (tmp_path / "net.onnx.data").unlink()
    with pytest.raises(UserError, match=r"keeps weights in net\.onnx\.data, which is not beside it: put it there"):
        eval_run(run, "searched", [file], runtime=None, images=None)
