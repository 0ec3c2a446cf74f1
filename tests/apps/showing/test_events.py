"""What a run writes for TensorBoard, read back by TensorBoard's own reader."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from click.testing import CliRunner
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pnas_apps.cli import options
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_set import ImageSet
from pnas_apps.showing.events import heat_map, picture_events, training_events
from pnas_apps.steps.supernet_search import expected_history_ms, run_search
from pnas_apps.training.training import TrainRecord
from pnas_cifar10.cli import main
from pnas_latency import Budget
from small_runs import small_preset, small_run, small_space, small_table


def events(folder: Path) -> Any:
    found = EventAccumulator(str(folder))
    found.Reload()
    return found


def scalars(found: Any, tag: str) -> Any:
    return [(one.step, pytest.approx(one.value)) for one in found.Scalars(tag)]


def test_every_epoch_of_a_search_is_written_once_however_often_it_goes_on(
    tmp_path: Path, image_set: ImageSet, reporter: Reporter
) -> None:
    run = small_run(tmp_path / "run", image_set, reporter, preset=small_preset())
    run = evolve(run, tensorboard=True, budget=Budget(latency_ms=40.0))
    space = small_space()
    table = small_table(space)
    run.folder.path.mkdir()
    for _ in range(2):
        _, history = run_search(run, table, lambda net: 1.0)
    found = events(run.folder.events / "search")

    def of_epochs(values: Sequence[float | None]) -> list[tuple[int, float]]:
        return [(epoch, value) for epoch, value in enumerate(values) if value is not None]

    expected: dict[str, Sequence[float | None]] = {
        "loss/weights": [one.train_loss for one in history],
        "loss/architecture": [one.validation_loss for one in history],
        "accuracy/weights": [one.train_accuracy for one in history],
        "accuracy/architecture": [one.validation_accuracy for one in history],
        "gates/entropy": [one.entropy for one in history],
        "latency/expected ms": expected_history_ms(history, space, table),
        "multiplier/latency_ms": [one.multipliers["latency_ms"] for one in history],
        "probabilities 00/mb3-3x3": [one.probs[0][0] for one in history],
    }
    for tag, values in expected.items():
        assert scalars(found, tag) == of_epochs(values), tag
    assert [one.step for one in found.Images("probabilities")] == [0, 1, 2]
    assert history[-1].multipliers["latency_ms"] > 0


def test_a_training_that_goes_on_hides_what_it_does_again(tmp_path: Path) -> None:
    first, second, again = (
        TrainRecord(epoch=epoch, loss=loss, accuracy=0.5) for epoch, loss in ((0, 3), (1, 2), (1, 1))
    )
    for records in ([first, second], [first, again]):
        with training_events(tmp_path) as write:
            for record in records:
                write(record)
    assert scalars(events(tmp_path), "loss") == [(0, 3), (1, 1)]


def test_pictures_are_those_of_the_files(tmp_path: Path) -> None:
    pixels = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    Image.fromarray(pixels).save(tmp_path / "net.png")
    picture_events(tmp_path / "events", [tmp_path / "net.png"])
    (found,) = events(tmp_path / "events").Images("net")
    assert (found.width, found.height) == (5, 4)


def test_a_heat_map_has_a_square_for_every_candidate() -> None:
    found = heat_map([[0.25, 0.75], [0.5, 0.3, 0.2]])
    assert found.shape == (1, 32, 48)
    assert found[0, ::16, ::16].tolist() == [[0.25, 0.75, 0.0], pytest.approx([0.5, 0.3, 0.2])]
    assert (found[0, 16:, :16] == 0.5).all()


@pytest.mark.parametrize("command", [["run", "--data-dir", "."], ["search", "--data-dir", "."], ["train", "run"]])
def test_where_there_is_no_tensorboard_that_is_told_at_once(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "find_spec", lambda name: None)
    done = CliRunner().invoke(main, [*command, "--tensorboard"])
    message = "error: --tensorboard needs a package that is not installed: pip install tensorboard\n"
    assert (done.exit_code, done.stderr) == (1, message)
