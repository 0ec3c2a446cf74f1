"""What a command line names and is not there is told before PyTorch is imported, which takes long on a busy machine."""

import json
import os
import subprocess
import sys

import pytest

BUDGET = ("--data-dir", "here", "--target-latency-ms", "1")
REFUSED = [
    ("cifar10", ("run", *BUDGET, "--table", "gone.json"), "gone.json cannot be read (No such file or directory): name"),
    ("cifar10", ("run", *BUDGET, "--table", "here"), "here is a folder, not a table: name another table"),
    ("cifar10", ("released", "proxyless_cpu", "--table", "gone.json"), "gone.json cannot be read"),
    ("cifar10", ("run", *BUDGET, "--device", "adb"), "there is no program 'adb' here: install adb, of Android's"),
    ("cifar10", ("sweep", *BUDGET, "--device", "tflite", "--device", "adb"), "there is no program 'adb' here"),
    ("cifar10", ("run", *BUDGET, "--preset", "phone.toml"), "there is no program 'adb' here"),
    (
        "cifar10",
        ("run", *BUDGET, "--device", "cmd:no-bench {model}"),
        "no program 'no-bench' here: name another, or give its",
    ),
    ("cifar10", ("run", *BUDGET, "--device", "cmd:onnxruntime {model}"), "no program 'onnxruntime' here: name another"),
    ("cifar10", ("run", *BUDGET, "--device", "abacus"), "there is no device 'abacus': name one of torch-cpu"),
    ("cifar10", ("run", "--data-dir", "gone"), "there is no folder gone: name another --data-dir, or fetch images"),
    ("cifar10", ("run", "--data-dir", "net.py"), "net.py is a file, not a folder of images: name another --data-dir"),
    ("cifar10", ("run", "--data-dir", "net.py", "--download"), "net.py is a file, not a folder of images: name"),
    ("cifar10", ("run", "--data-dir", "link"), "link is a link to gone, which does not exist: name another --data-dir"),
    (
        "cifar10",
        ("run", "--data-dir", "link", "--download"),
        "link is a link to gone, which does not exist: name another",
    ),
    (
        "cifar10",
        ("run", "--data-dir", "net.py/images", "--download"),
        "net.py/images cannot be made, since net.py is not a folder: name another --data-dir",
    ),
    (
        "cifar10",
        ("run", "--data-dir", "link/images", "--download"),
        "link/images cannot be made, since link is not a folder: name another --data-dir",
    ),
    ("cifar10", ("run", *BUDGET, "--ops", "gone.py"), "gone.py cannot be read (No such file or directory): name a"),
    ("cifar10", ("run", *BUDGET, "--space", "gone.json"), "there is no file gone.json: name a space's file"),
    ("cifar10", ("run", *BUDGET, "--preset", "gone.toml"), "there is no preset 'gone.toml'"),
    ("cifar10", ("search", *BUDGET, "--from", "here"), "here holds no run: name a run's folder"),
    ("cifar10", ("explore", *BUDGET, "--judge", "inherited", "--from", "gone"), "gone holds no run"),
    (
        "cifar10",
        ("explore", *BUDGET, "--judge", "table", "--accuracies", "gone.json"),
        "name a table with --accuracies",
    ),
    ("cifar10", ("report", "here"), "here holds no run"),
    ("own", ("predict", "gone", "photo.jpg"), "gone holds neither a run nor a bundle: name the folder of one"),
    ("cifar10", ("bench", "gone.tflite"), "there is no file gone.tflite: name exported files"),
    ("cifar10", ("table", "t.json", "--merge", "gone.json"), "gone.json cannot be read"),
    ("imagenet", ("run", "--data-dir", "gone"), "there is no folder gone: name another --data-dir"),
    ("own", ("run", "gone.py:make", *BUDGET), "there is no file gone.py: name the Python file that makes your net"),
    ("own", ("run", "net.py:make", "--data-dir", "gone"), "there is no folder gone: name another --data-dir"),
    ("own", ("report", "here"), "here holds no run"),
    # As of a shell's variable that has no value: not the working directory.
    ("cifar10", ("run", "--data-dir", ""), "the path of --data-dir is empty: name one"),
    ("cifar10", ("run", "--data-dir", " \t"), "the path of --data-dir is empty: name one"),
    ("cifar10", ("run", *BUDGET, "--table", ""), "the path of --table is empty: name one"),
    ("cifar10", ("report", ""), "the path of RUN is empty: name one"),
    ("cifar10", ("predict", "here", ""), "the path of PHOTO... is empty: name one"),
    ("cifar10", ("released", "proxyless_cpu", "--out", ""), "the path of --out is empty: name one"),
    ("cifar10", ("table", ""), "the path of TABLE.json is empty: name one"),
    ("cifar10", ("bench", ""), "the path of FILE... is empty: name one"),
]
CODE = """
import json, sys
sys.modules["torch"] = None  # as if it were not installed
from importlib import import_module
from click.testing import CliRunner
for program, arguments in json.loads(sys.argv[1]):
    done = CliRunner().invoke(import_module(f"pnas_{program}.cli").main, arguments)
    print(json.dumps([done.exit_code, done.stderr or repr(done.exception)]))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str]]:
    """Exit code and what is said of each, by one process that cannot import PyTorch."""
    folder = tmp_path_factory.mktemp("named")
    (folder / "here").mkdir()
    (folder / "net.py").touch()
    (folder / "link").symlink_to("gone")
    (folder / "phone.toml").write_text('device = "adb"\n')
    asked = json.dumps([(program, arguments) for program, arguments, _ in REFUSED])
    command = [sys.executable, "-c", CODE, asked]
    env = os.environ | {"PATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    return [(code, text) for code, text in map(json.loads, done.stdout.splitlines())]


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=[" ".join((one[0], *one[1])) for one in REFUSED])
def test_what_is_not_there_is_told_before_pytorch_is_imported(number: int, told: list[tuple[int, str]]) -> None:
    code, text = told[number]
    assert (code, text.count("\n")) == (1, 1)
    assert REFUSED[number][2] in text


def test_images_that_are_to_be_fetched_need_no_folder() -> None:
    code = CODE.replace("json.loads(sys.argv[1])", "[('cifar10', ['run', '--data-dir', 'gone', '--download'])]")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torch" in done.stdout  # it went on to import it
