"""The program for photographs as its users run it, in one process and in two."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve
from click.testing import CliRunner, Result
from PIL import Image

import pnas_apps.steps.supernet_search
from apps.interruption import Interrupted
from command_line import assert_refused
from pnas_apps.cli.presets import read_preset
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.photos.photo_set import find_train_and_val
from pnas_apps.photos.photo_source import PhotoSource
from pnas_apps.run.preset import ImagePreset, PhotoPreset, structure_preset
from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.settings import RunSettings
from pnas_apps.run.task import Task
from pnas_apps.steps.supernet_search import run_search
from pnas_cifar10.cli import PRESETS as CIFAR_PRESETS
from pnas_export import TFLiteDevice
from pnas_imagenet.cli import APP, main
from pnas_ops import Architecture, SearchSpace, imagenet_mbconv_space, load_json, save_json
from pnas_supernet import SearchConfig
from tables import uniform_table

RESOLUTION = 32
WIDTH = 0.25
OPTIONS = [
    *("--resolution", f"{RESOLUTION}", "--width-mult", f"{WIDTH}", "--batch-size", "8", "--validation-size", "0.5"),
    *("--search-warmup-epochs", "1", "--search-epochs", "1", "--search-arch-interval", "1"),
    *("--search-weight-lr", "0.001"),
    *("--train-epochs", "1", "--train-warmup-epochs", "0", "--train-lr", "0.001", "--compare", "0"),
]
TIMEOUT_S = 240


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`train` and `val` with 8 and 3 noisy photos of 50 x 40 pixels of either class."""
    generator = np.random.default_rng(0)
    for part, count in (("train", 8), ("val", 3)):
        for name, color in (("blue", (20, 40, 200)), ("red", (200, 40, 20))):
            (tmp_path / "photos" / part / name).mkdir(parents=True)
            for index in range(count):
                pixels = (np.array(color) + generator.integers(-20, 20, (40, 50, 3))).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / "photos" / part / name / f"{index}.jpg")
    return tmp_path / "photos"


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return imagenet_mbconv_space(WIDTH, classes=2, resolution=RESOLUTION)


@pytest.fixture
def given(folder: Path, space: SearchSpace, tmp_path: Path) -> list[str]:
    """The options of a short run with a table of this machine that nobody measured."""
    table = tmp_path / "table.json"
    evolve(uniform_table(space, 0.05), device=TFLiteDevice().info).save(table)
    places = {"--data-dir": folder, "--run-dir": tmp_path / "run", "--cache-dir": tmp_path / "cache", "--table": table}
    return [*(f"{word}" for pair in places.items() for word in pair), *OPTIONS, "--workers", "0"]


def printed_by(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    capfd.readouterr()
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return capfd.readouterr().out


def rewind(run: RunFolder) -> None:
    """To the end of the search's epoch before the last, as if the run had been killed there."""
    run.search_checkpoint.with_suffix(".previous.pt").replace(run.search_checkpoint)
    run.landing.unlink()
    run.architecture.unlink()
    shutil.rmtree(run.path / "networks", ignore_errors=True)


@pytest.mark.slow
def test_two_processes_go_on_with_what_one_began_and_one_with_what_two_began(
    given: list[str], space: SearchSpace, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = RunFolder(tmp_path / "run")
    printed = printed_by(capfd, "search", *given)
    assert "photos: 16 training and 6 test images of 2 classes; new run in" in printed
    assert not (run.path / "networks").exists()
    rewind(run)
    outputs = in_two_processes("train", run.path, "--workers", "0")
    assert re.search(r"searched: \d+\.\d\d% of 6 test images", outputs[0])
    assert outputs[1] == ""
    assert_trained(run, space)
    rewind(run)
    assert re.search(r"searched: \d+\.\d\d% of 6 test images", printed_by(capfd, "train", run.path, "--workers", "1"))
    assert_trained(run, space)
    assert len(run.history.read_text().splitlines()) == 2
    assert re.search(r"searched +PyTorch +\d+\.\d\d%", printed_by(capfd, "eval", run.path, "--workers", "0"))


def assert_trained(run: RunFolder, space: SearchSpace) -> None:
    space.choices(load_json(run.architecture, Architecture))
    assert [path.parent.name for path in run.path.glob("networks/*/weights.safetensors")] == ["searched"]


def in_two_processes(*arguments: object) -> list[str]:
    """What they print."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # What torchrun sets; it would import torch a third time.
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": f"{port}", "WORLD_SIZE": "2"}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "pnas_imagenet", *map(str, arguments)],
            env=os.environ | shared | {"RANK": f"{rank}", "LOCAL_RANK": f"{rank}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        ended = [process.communicate(timeout=TIMEOUT_S) for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0, 0], ended
    return [out for out, _ in ended]


BEGUN = "has begun"
"""What a run ends with before its first step."""


def begin(given: list[str], *flags: object) -> Result:
    """A run that has got as far as its first step."""
    with pytest.MonkeyPatch.context() as patch:

        def stop(*args: object, **kwargs: object) -> None:
            raise UserError(BEGUN)

        patch.setattr("pnas_apps.cli.runs.run_pipeline", stop)
        return CliRunner().invoke(main, ["search", *given, *map(str, flags)])


def test_unreadable_photos_are_all_named_before_anything_is_written_and_the_run_begins_without_them(
    given: list[str], folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = [folder / name for name in ("train/blue/0.jpg", "train/red/3.jpg", "val/blue/1.jpg", "val/red/2.jpg")]
    for path in bad:
        path.write_bytes(path.read_bytes()[:300])
    message = r"^error: 4 of 22 images cannot be read \(.*all are listed above\): .* --max-corrupt-share 0\.1819$"
    assert_refused(begin(given), message)
    assert not (tmp_path / "run").exists()
    printed = capfd.readouterr().out
    assert all(printed.count(f"unreadable: {path}: ") == 1 for path in bad)
    assert_refused(begin(given, "--max-corrupt-share", 0.18), message)

    def settings() -> RunSettings:
        return load_json(tmp_path / "run" / "settings.json", RunSettings)

    assert_refused(begin(given, "--max-corrupt-share", 0.1819), BEGUN)
    assert (settings().train_images, settings().test_images, settings().checks_images) == (14, 4, True)
    # Begun without them, it goes on once they are gone.
    for path in bad:
        path.unlink()
    assert_refused(begin(given), BEGUN)
    assert "resuming" in capfd.readouterr().out
    assert (settings().train_images, settings().preset.max_corrupt_share) == (14, 0.0)
    shutil.rmtree(tmp_path / "run")
    assert_refused(begin(given), BEGUN)


def test_without_the_check_photos_are_counted_as_files(given: list[str], folder: Path, tmp_path: Path) -> None:
    (folder / "train" / "red" / "3.jpg").write_text("none")
    assert_refused(begin(given, "--no-check", "--max-corrupt-share", 0.1), BEGUN)
    settings = load_json(tmp_path / "run" / "settings.json", RunSettings)
    assert (settings.train_images, settings.checks_images) == (16, False)
    assert not (tmp_path / "cache" / "photos").exists()


def test_settings_that_were_edited_are_written_anew_by_the_command_that_wrote_them(
    given: list[str], tmp_path: Path
) -> None:
    settings = tmp_path / "run" / "settings.json"
    assert_refused(begin(given), BEGUN)
    whole = settings.read_text()
    settings.write_text(whole.replace('"seed": 0', '"seed": 1'))
    changed = r"settings\.json has changed since it was written: give the command that started the run"
    assert_refused(begin(given, "--seed", 1), changed)
    assert_refused(begin(given), BEGUN)
    assert settings.read_text() == whole


@pytest.fixture
def shallow(space: SearchSpace) -> SearchSpace:
    """Two stages with three candidates of the space: quick to search."""
    stages = space.stages[:2]
    head = evolve(space.head, in_channels=stages[-1].width)
    return evolve(space, stages=stages, candidates=space.candidates[::3], head=head)


@pytest.fixture
def make_run(folder: Path, shallow: SearchSpace, tmp_path: Path, reporter: Reporter) -> Callable[..., Run]:
    """Runs on the photos that differ by their folders and reporters."""
    preset = structure_preset(read_preset("small", APP.presets), "small", PhotoPreset)
    preset = evolve(
        preset,
        batch_size=2,
        validation_size=8,
        search=evolve(preset.search, warmup_epochs=1, epochs=1, arch_interval=2),
    )
    train, val = (
        PhotoSource(photos=photos, resolution=RESOLUTION, augmentation=preset.augmentation)
        for photos in find_train_and_val(folder, reporter=reporter)
    )

    def make(name: str, *, reporter: Reporter = reporter) -> Run:
        task = Task(name="photos", train=train, test=val, space=shallow)
        folder = RunFolder(tmp_path / name)
        return Run(task=task, preset=preset, folder=folder, seed=0, reporter=reporter, cache=Cache(tmp_path / "cache"))

    return make


# Calls of the bar: one at the start, one for each of four steps, one at the end of an epoch. An architecture step
# follows every second weight step, so that the second kill finds both kinds of batches begun.
@pytest.mark.parametrize("call", [3, 9])
def test_a_search_that_is_interrupted_within_an_epoch_ends_as_one_that_never_stopped(
    make_run: Callable[..., Run], shallow: SearchSpace, reporter: Reporter, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    table = uniform_table(shallow)
    whole, history = run_search(make_run("whole"), table, table.predict_ms)
    monkeypatch.setattr(pnas_apps.steps.supernet_search, "SECONDS_BETWEEN_CHECKPOINTS", 0)
    with pytest.raises(KeyboardInterrupt):
        run_search(make_run("stopped", reporter=Interrupted(reporter, call)), table, table.predict_ms)
    resumed, resumed_history = run_search(make_run("stopped"), table, table.predict_ms)
    assert history == resumed_history
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: shutil.rmtree(folder / "val"), r"has no sub-folder val: expected train/CLASS/\* and val/CLASS"),
        (lambda folder: shutil.rmtree(folder / "train" / "red"), r"train holds only one class \(blue\)"),
        (
            lambda folder: (folder / "val" / "red").rename(folder / "val" / "green"),
            "val has other classes than the training images: it lacks red and also has green: give both the",
        ),
        (
            lambda folder: [(folder / "val" / f"c{number:02}").mkdir() for number in range(14)],
            "it also has c00, c01, c02, c03, c04, c05, c06, c07, c08, c09, c10, c11, 2 more: give both",
        ),
        (lambda folder: [one.unlink() for one in (folder / "val" / "red").iterdir()], "red holds no images"),
    ],
)
def test_a_folder_of_another_layout_is_refused_before_anything_is_written(
    given: list[str], folder: Path, tmp_path: Path, change: Callable[[Path], object], message: str
) -> None:
    change(folder)
    assert_refused(CliRunner().invoke(main, ["run", *given]), message)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("1.5", r"validation_size must be a share below 1 or a whole number of images, got 1\.5"),
        ("40", "class 'blue' has 8 images, but 21 are needed to hold out 40 .*: add 13, or give --validation-size 14"),
    ],
)
def test_a_wrong_validation_size_is_named_before_photos_are_read(
    given: list[str], size: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert_refused(CliRunner().invoke(main, ["search", *given, "--validation-size", size]), message)
    assert "checking photos" not in capfd.readouterr().out


def test_a_run_of_another_program_is_refused(tmp_path: Path, space: SearchSpace, folder: Path) -> None:
    preset = structure_preset(read_preset("cpu", CIFAR_PRESETS), "cpu", ImagePreset)
    settings = RunSettings(
        task="photos", seed=0, preset=preset, space=space, train_images=3, test_images=2, data_dir=str(folder)
    )
    save_json(settings, tmp_path / "settings.json")
    assert_refused(CliRunner().invoke(main, ["eval", str(tmp_path)]), "this is a run of another program")


@pytest.mark.parametrize("name", sorted(path.stem for path in APP.presets.glob("*.toml")))
def test_shipped_presets_are_complete_and_every_option_is_a_flag(name: str) -> None:
    options = read_preset(name, APP.presets)
    structure_preset(options, name, PhotoPreset)
    help_text = CliRunner().invoke(main, ["run", "--help"]).output
    for key, value in options.items():
        for flag in [f"{key}-{inner}" for inner in value] if isinstance(value, dict) else [key]:
            assert f"--{flag.replace('_', '-').replace('compare-nets', 'compare')}" in help_text


def test_the_papers_preset_is_the_papers() -> None:
    preset = structure_preset(read_preset("paper", APP.presets), "paper", PhotoPreset)
    assert preset.search == SearchConfig()  # whose defaults are the original's
    assert (preset.resolution, preset.batch_size, preset.validation_size) == (224, 256, 50_000)


def test_help_answers_without_heavy_libraries() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from pnas_imagenet.cli import main; "
        "assert all(CliRunner().invoke(main, [*verb, '--help']).exit_code == 0 for verb in [[], *zip(main.commands)]); "
        "print([name for name in ('torch', 'numpy', 'rich', 'matplotlib') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_run_on_images_of_a_library_is_one_of_another_program() -> None:
    run = Path(__file__).parents[2] / "samples" / "finished-run"
    assert_refused(CliRunner().invoke(main, ["eval", str(run)]), "this is a run of another program, whose images")
