"""What READMEs, documents and notebooks print to be run: Python runs as it stands, programs take their commands."""

import json
import re
import shlex
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from PIL import Image

from pnas_ops import digits_mbconv_space, to_json

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
    *sorted(path for folder in ("packages", "apps") for path in (ROOT / folder).glob("*/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
PROGRAMS = ("pnas-cifar10", "pnas-imagenet", "pnas-lab", "pnas-own")
QUICK, SLOW = "run in a moment", "run by -m slow"
PRINTED = "tests/lab/test_readme.py compares what it prints"
HOW = {
    "pip install uv": "the set-up, which has been done where this runs",
    "tensorboard": "needs the extra, and serves until it is stopped",
    "pytest": "this very command",
    "eval": "for the start of a shell",
    "adb": "needs a phone",
    "pnas-cifar10 demo": "takes minutes: tests/benchmarks/test_real_data.py",
    "pnas-cifar10 doctor": SLOW,
    "pnas-cifar10 space": QUICK,
    "pnas-cifar10 table": "needs a phone",
    "pnas-cifar10 presets": QUICK,
    "pnas-cifar10 run --data-dir data --download": SLOW,
    "pnas-cifar10 run --preset gpu": "needs a GPU",
    "pnas-cifar10 run": "takes an hour: tests/benchmarks/test_real_data.py",
    "pnas-cifar10 search": "takes minutes: tests/benchmarks/hit_budgets.py",
    "pnas-cifar10 sweep": "takes hours: tests/benchmarks/sweep_against_single.py",
    "pnas-cifar10 explore": SLOW,
    "pnas-cifar10 compare": "tests/apps/cli has it on small runs",
    "pnas-cifar10 verdict": "trains for an hour; tests/apps/cli has it on small runs",
    "pnas-cifar10 report": "needs the images of a run that was begun on a GPU",
    "pnas-cifar10 export": "converts for minutes: tests/apps/cli has it on a small run",
    "pnas-cifar10 eval": "needs the images of a run: tests/apps/cli has it on a small one",
    "pnas-cifar10 bench": SLOW,
    "pnas-cifar10 predict": QUICK,
    "pnas-imagenet doctor": SLOW,
    "pnas-imagenet table": "needs a phone",
    "pnas-imagenet run": "needs a phone's table, or takes minutes",
    "pnas-imagenet predict": "as pnas-cifar10 predict",
    "pnas-imagenet released": "converts for minutes: tests/apps/cli has it on a stand-in",
    "pnas-own predict": "as pnas-cifar10 predict",
    "pnas-own run": "needs weights that torchvision downloads: tests/benchmarks/test_own_nets.py",
    "pnas-lab taste": "needs tables that take minutes: tests/lab/test_taste_command.py",
    "pnas-lab primitives --channels 64 --resolution 56 --device": "times for minutes: tests/lab/test_primitives.py",
    "pnas-lab design --max": "takes a minute: tests/lab/test_design_command.py has it on fewer nets",
    "pnas-lab": PRINTED,
    "torchrun": "needs eight GPUs, and ImageNet",
}
"""What is done with a command beside reading it, by its first words: the first that fit."""


def name_of(page: Path) -> str:
    return page.parent.name if page.stem == "README" else page.stem


def blocks(page: Path, language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", page.read_text(encoding="utf-8"), re.M | re.S)
    return [textwrap.dedent(code) for _, code in found]


def commands(page: Path) -> Iterator[str]:
    """One after the other, without what only stands before them in a clone."""
    for block in blocks(page, "(?:sh|console)"):
        # Of a console, what follows a prompt.
        lines = [line.removeprefix("$ ") for line in block.splitlines() if not block.startswith("$") or line[:1] == "$"]
        for line in "\n".join(lines).replace("\\\n", "").splitlines():
            yield from (re.sub(r"\buv run ", "", command.strip()) for command in line.split("&&"))


def words_of(command: str) -> list[str]:
    """Of a command, without variables that are set before it, and without where its output goes."""
    words = shlex.split(re.sub(r" > \S+$", "", command))
    return [word for index, word in enumerate(words) if index or not re.match(r"[A-Z_]+=", word)]


def how(command: str) -> str:
    text = " ".join(words_of(command))
    return next((what for first, what in HOW.items() if text.startswith(first)), "")


COMMANDS = list(dict.fromkeys(command for page in PAGES for command in commands(page)))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name_of)
def test_the_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for example in blocks(page, "python"):
        exec(compile(example, str(page), "exec"), {})


@pytest.mark.parametrize("notebook", sorted((ROOT / "docs").rglob("*.ipynb")), ids=lambda path: path.stem)
def test_the_notebook_runs(notebook: Path) -> None:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    lines = [line.rstrip("\n") for cell in cells if cell["cell_type"] == "code" for line in cell["source"]]
    code = "\n".join(line for line in lines if not line.startswith("%"))
    exec(compile(code, str(notebook), "exec"), {})


def test_every_command_is_one_that_is_known_here_and_every_known_one_is_shown() -> None:
    assert [command for command in COMMANDS if not how(command)] == []
    texts = [" ".join(words_of(command)) for command in COMMANDS]
    first_of = [next(first for first in HOW if text.startswith(first)) for text in texts]
    assert {*HOW} - {*first_of} == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_program_takes_the_command(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for look in ("exists", "is_file"):  # whatever documents name, and adb
        monkeypatch.setattr(Path, look, lambda *_, **__: True)
    is_folder = Path.is_dir
    monkeypatch.setattr(Path, "is_dir", lambda path, **_: not (path.is_absolute() or path.suffix) or is_folder(path))
    monkeypatch.setattr(shutil, "which", lambda program, **_: program)
    program, *arguments = words_of(command)
    if program == "torchrun":
        from torch.distributed.run import get_args_parser

        launched = get_args_parser().parse_args(arguments)
        assert launched.module
        program, arguments = launched.training_script.replace("_", "-"), launched.training_script_args
    if program in PROGRAMS:
        assert_taken(program, arguments)


def program_of(name: str) -> click.Group:
    program: click.Group = import_module(f"{name.replace('-', '_')}.cli").main
    return program


def assert_taken(program: str, arguments: Sequence[str]) -> None:
    """The program has the verb, its options and their values, and its preset."""
    if "--tensorboard" in arguments:  # refused where it is not installed
        pytest.importorskip("tensorboard")
    context = click.Context(program_of(program), info_name=program)
    name, verb, rest = program_of(program).resolve_command(context, [*arguments])
    assert verb is not None
    with verb.make_context(name, rest, parent=context) as taken:
        preset = taken.params.get("preset")
    shipped = {path.stem for path in ROOT.glob(f"apps/{program.removeprefix('pnas-')}/src/*/presets/*.toml")}
    assert preset is None or preset in shipped


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some for each of two classes, large enough for every program."""
    folder = tmp_path_factory.mktemp("images")
    for split in ("train", "test", "val"):
        for name, color in (("blue", (0, 0, 250)), ("red", (250, 0, 0))):
            (folder / split / name).mkdir(parents=True)
            for index in range(40):
                Image.new("RGB", (40, 40), color).save(folder / split / name / f"{index}.png")
    return folder


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, marks=[pytest.mark.slow] if how(command) == SLOW else [])
        for command in COMMANDS
        if how(command) in {QUICK, SLOW}
    ],
)
def test_the_command_runs(command: str, tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder that has what the documents speak of: images, a run, a photo, a space, operations."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PNAS_CACHE_DIR", str(tmp_path / "cache"))
    Path("DIR").symlink_to(images)
    shutil.copytree(ROOT / "tests" / "samples" / "finished-run", "RUN")
    Image.new("L", (16, 16), 128).save("photo.jpg")
    Path("mine.json").write_text(to_json(digits_mbconv_space()), encoding="utf-8")
    shutil.copy(ROOT / "tests" / "ghost_operations.py", "my_ops.py")
    program, *arguments = words_of(command)
    done = CliRunner().invoke(program_of(program), arguments)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("page", [*PAGES, *sorted(ROOT.glob("*/*/src/**/*.jinja"))], ids=lambda page: page.name)
def test_percentages_are_written_one_way(page: Path) -> None:
    assert not re.search(r"[\d}f] %%?(?=[\s,.;:)\"'<|]|$)", page.read_text(), re.M)
