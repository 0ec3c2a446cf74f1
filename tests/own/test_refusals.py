"""What a user can mend is told in one line, before anything slow, and nothing is left behind."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from command_line import assert_refused
from own_nets import TINY, Run, WriteFile
from pnas_own.cli import main


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nothing of a run is left where the program runs."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield
    assert not list((tmp_path / "here").iterdir())


def test_a_name_without_a_function_and_a_file_that_is_not_there(run: Run, tmp_path: Path) -> None:
    arguments = ["run", "my_model.py", "--data-dir", str(tmp_path), "--cache-dir", str(tmp_path / "cache")]
    assert_refused(CliRunner().invoke(main, arguments), r"'my_model.py' names no function: write FILE.py:FUNCTION")
    assert_refused(run("none.py"), r"there is no file none.py: name the Python file")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def other():\n    pass\n", r"has no make: name a function of it that returns your net"),
        ("make = 3\n", r"make is a int, and has to be a function"),
        ("import nowhere_to_be_found\n", r"line 1: raised ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("def make(:\n", r"raised SyntaxError"),
        ("def make():\n    raise OSError('no network')\n", r"line 2: make raised OSError: no network: mend it"),
        ("def make():\n    return 3\n", r"make returned a int: let it return a torch.nn.Module"),
        ("from torch import nn\ndef make():\n    return nn.Flatten()\n", r"has no weights: there is nothing to train"),
        (
            "from torch import nn\ndef make():\n    return nn.Linear(7, 2)\n",
            r"does not take images 2x3x16x16: RuntimeError: .*mend it, or name another --resolution",
        ),
        (TINY.replace("8, classes", "8, 5"), r"gives \(2, 5\), not 2 logits an image, one for each class"),
        (TINY + "rule = 1\n", r"rule is a int, and has to be a function"),
        (TINY + "def rule(path, module, inputs):\n    return None\n", r"rule returned no candidate for any module"),
        (TINY + "def rule(path, module, inputs):\n    return 1 / 0\n", r"rule raised ZeroDivisionError"),
        (TINY + "def loss(outputs, targets):\n    return 0.0\n", r"loss returned no scalar with a gradient"),
        (TINY + "def loss(outputs, targets):\n    return 1 / 0\n", r"line \d+: loss raised ZeroDivisionError"),
        (TINY + "def score(outputs, targets):\n    return 'good'\n", r"score returned a str: return a number"),
        (TINY + "def loaders(folder):\n    return 1, 2\n", r"loaders returned a tuple: let loaders return three"),
        (TINY + "def loaders(folder):\n    return 1, 2, 3\n", r"loaders returned a int without batches"),
        (
            TINY + "import torch\ndef loaders(folder):\n    return [[(torch.zeros(2, 3, 8, 8), torch.zeros(2))]] * 3\n",
            r"loaders give images as torch.float32 \(2, 3, 8, 8\): give uint8 RGB pixels",
        ),
    ],
)
def test_a_file_that_does_not_give_what_it_should(text: str, message: str, run: Run, write_file: WriteFile) -> None:
    assert_refused(run(write_file(text)), message)


def test_images_that_are_not_there(run: Run, write_file: WriteFile, tmp_path: Path) -> None:
    assert_refused(run(write_file(TINY), data=tmp_path / "none"), r"none is not a folder: name another --data-dir")
    (tmp_path / "bare").mkdir()
    assert_refused(run(write_file(TINY), data=tmp_path / "bare"), r"bare is empty: expected sub-folders with images")


def test_dropout_is_for_other_nets(run: Run, write_file: WriteFile, tmp_path: Path) -> None:
    preset = Path("apps/own/src/pnas_own/presets/small.toml")
    text = (Path(__file__).resolve().parents[2] / preset).read_text().replace("[train]", "[train]\ndropout = 0.2")
    (tmp_path / "dropout.toml").write_text(text)
    refused = run(write_file(TINY), "--preset", tmp_path / "dropout.toml")
    assert_refused(refused, r"no pnas_ops.Classifier that dropout could stand before: .* for this net")
