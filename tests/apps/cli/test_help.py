"""What programs say of themselves: their help, their versions, their presets, and what a shell completes."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args, get_type_hints

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from pnas_apps.cli.device_verbs import _RELEASED
from pnas_apps.cli.preset_help import GROUPS
from pnas_apps.cli.presets import preset_names, read_about, read_preset
from pnas_apps.cli.program import Program
from pnas_apps.cli.run_verbs import _FORMATS
from pnas_apps.images.augmentation import Augmentation
from pnas_apps.photos.views import PhotoAugmentation
from pnas_apps.run.objective_config import ObjectiveConfig
from pnas_apps.training.config import TrainConfig
from pnas_cifar10.cli import APP as CIFAR10
from pnas_cifar10.cli import main as cifar10
from pnas_export import FORMATS
from pnas_imagenet.cli import APP as IMAGENET
from pnas_imagenet.cli import main as imagenet
from pnas_lab.cli import main as lab
from pnas_ops import BASELINES, RELEASED
from pnas_own.cli import DEFAULTS as OWN
from pnas_own.cli import main as own
from pnas_supernet import SearchConfig

PROGRAMS: dict[str, Program] = {"pnas-cifar10": cifar10, "pnas-imagenet": imagenet, "pnas-own": own, "pnas-lab": lab}
VERBS = [(name, verb) for name, main in PROGRAMS.items() for verb in main.commands]
PRESETS = [(app, name) for app in (CIFAR10, IMAGENET, OWN) for name in preset_names(app.presets)]
HELP = {option: about for group in GROUPS for option, about in group.options.items()}


def help_of(program: str, *arguments: str) -> str:
    result = CliRunner().invoke(PROGRAMS[program], [*arguments, "--help"], prog_name=program)
    assert result.exit_code == 0, result.output
    return result.output


def default_of(flag: str, text: str) -> str:
    """What the help says that a flag begins with."""
    found = re.search(rf"{flag} (?:(?! --(?!no-)).)*?\[default: (.*?)\]", " ".join(text.split()))
    assert found is not None, flag
    return found[1]


@pytest.mark.parametrize(("program", "verb"), VERBS)
def test_every_option_stands_in_a_group_with_a_sentence_and_says_what_it_begins_with(program: str, verb: str) -> None:
    command = PROGRAMS[program].commands[verb]
    context = click.Context(command, info_name=verb)
    text = help_of(program, verb)
    options = text[re.search(r"^[A-Z].*:$", text, re.M).start() :]
    for option in (one for one in command.params if isinstance(one, click.Option)):
        group = getattr(option, "group", None)
        assert group is not None, option.opts
        assert group.help.endswith(".")
        record = option.get_help_record(context)
        assert len(re.findall(rf"^  {option.opts[0]}(?![a-z-])", options, re.M)) == 1
        assert option.help.endswith((".", "...")), option.opts
        assert option.is_flag or option.required or "[default: " in record[1], record


@pytest.mark.parametrize(("program", "verb"), VERBS)
def test_every_default_is_told_without_parentheses(program: str, verb: str) -> None:
    assert "[default: (" not in " ".join(help_of(program, verb).split())


@pytest.mark.parametrize(("program", "verb"), VERBS)
def test_the_examples_are_command_lines_that_the_program_takes(
    program: str, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    for name in ("adb", "ssh"):
        (programs / name).touch(mode=0o755)
    text = help_of(program, verb)
    assert max(map(len, text.splitlines())) <= 80
    examples = text.partition("\nExamples:\n")[2].partition("\n\n")[0].replace("\\\n", " ").splitlines()
    assert examples
    for example in examples:
        words = shlex.split(example.partition(" > ")[0])
        assert words[:2] == [program, verb]
        make_all_of(words[2:])
        PROGRAMS[program].commands[verb].make_context(verb, words[2:])


def make_all_of(words: list[str]) -> None:
    """Makes what a command line names: files, runs, and folders."""
    for word in words:
        path = Path(word.partition(":")[0])
        if path.suffix:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        else:
            path.mkdir(parents=True, exist_ok=True)
            (path / "settings.json").touch()


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_commands_stand_in_groups(program: str) -> None:
    text = help_of(program)
    assert "Other commands" not in text
    for verb in PROGRAMS[program].commands:
        assert len(re.findall(rf"^  {verb} +[A-Z]", text, re.M)) == 1


def test_the_help_of_a_flag_tells_what_the_preset_before_it_has() -> None:
    for name in ("cpu", "quick"):
        options, text = read_preset(name, CIFAR10.presets), help_of("pnas-cifar10", "run", "--preset", name)
        assert default_of("--search-epochs", text) == str(options["search"]["epochs"])
        assert default_of("--train-lr", text) == str(options["train"]["lr"])
        assert default_of("--search-share", text) == str(options["search_share"]).removesuffix(".0")
    text = help_of("pnas-cifar10", "run")
    assert default_of("--search-alpha-betas", text) == "0 0.999"
    assert default_of("--augmentation-horizontal-flip", text) == "on"
    digits = read_preset("digits", CIFAR10.presets)
    assert default_of("--search-epochs", help_of("pnas-cifar10", "demo")) == str(digits["search"]["epochs"])
    sweep = help_of("pnas-cifar10", "sweep")
    assert default_of("--compare", sweep) == "0"
    assert "the preset's, or more" in default_of("--search-arch-interval", sweep)


def test_every_option_of_a_preset_has_its_help_and_its_choices() -> None:
    found = set[str]()
    for app, name in PRESETS:
        for option, value in read_preset(name, app.presets).items():
            found |= {f"{option}.{inner}" for inner in value} if isinstance(value, dict) else {option}
    assert found - {"device"} == HELP.keys()
    sections: dict[str, tuple[type, ...]] = {
        "search": (SearchConfig,),
        "train": (TrainConfig,),
        "objective": (ObjectiveConfig,),
        "augmentation": (Augmentation, PhotoAugmentation),
    }
    for section, classes in sections.items():
        for cls in classes:
            for field, kind in get_type_hints(cls).items():
                known = get_args(kind) if all(isinstance(one, str) for one in get_args(kind)) else ()
                about = HELP.get(f"{section}.{field}")
                assert about is None or {*about.choices} - {"auto"} == {*known}, (section, field)
    assert all(name in HELP["baselines"].text for name in BASELINES)
    assert FORMATS == _FORMATS
    assert {*RELEASED} == {*_RELEASED}


def test_exploring_lists_no_flag_that_does_not_concern_it() -> None:
    text = help_of("pnas-cifar10", "explore")
    assert re.findall(r"--objective-[a-z-]+", text) == ["--objective-tightening"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_version_names_what_computes(program: str) -> None:
    printed = CliRunner().invoke(PROGRAMS[program], ["--version"], prog_name=program)
    assert printed.exit_code == 0
    assert re.match(rf"{program} \d+\.\d+", printed.output)
    for name in ("Python", "pnas-ops", "torch", "onnxruntime", "ai-edge-litert"):
        assert re.search(rf"^  {name} \d+\.\d+", printed.output, re.M), name


@pytest.mark.parametrize("columns", ["1", "10"])
def test_a_narrow_terminal_gets_the_help_of_a_wide_one(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for arguments in ([], ["run"]):
        assert max(map(len, help_of("pnas-cifar10", *arguments).splitlines())) in range(60, 120)


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_a_full_disk_is_told_in_one_line(flag: str) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "pnas_cifar10", flag]
        finished = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert finished.returncode == 1
    assert re.fullmatch(r"error: \[Errno 28\] No space left on device: free some space .*\n", finished.stderr)


@pytest.mark.parametrize(
    ("program", "presets"),
    [("pnas-cifar10", CIFAR10.presets), ("pnas-imagenet", IMAGENET.presets), ("pnas-own", OWN.presets)],
)
def test_the_presets_are_listed_with_what_they_cost_and_printed_as_they_are(
    program: str, presets: Path, tmp_path: Path
) -> None:
    listed = CliRunner().invoke(PROGRAMS[program], ["presets"]).output
    for name in preset_names(presets):
        about = read_about(presets / f"{name}.toml")
        for text in (name, about.purpose, about.time, about.memory):
            assert text in listed
        printed = CliRunner().invoke(PROGRAMS[program], ["presets", name]).output
        assert tomllib.loads(printed) == tomllib.loads((presets / f"{name}.toml").read_text())
    refused = CliRunner().invoke(PROGRAMS[program], ["presets", "tpu"])
    assert refused.stderr.startswith("error: there is no preset 'tpu': name one of ")
    own = tmp_path / "mine.toml"
    own.write_text((presets / f"{name}.toml").read_text())
    refused = CliRunner().invoke(PROGRAMS[program], ["presets", str(own)])
    assert refused.stderr.startswith(f"error: {own} is not a shipped preset: name one of ")


def completed(program: str, *words: str) -> list[str]:
    """What a shell makes of the last word."""
    complete = ShellComplete(PROGRAMS[program], {}, program, "_COMPLETE")
    return [item.value for item in complete.get_completions([*words[:-1]], words[-1])]


def test_a_shell_completes_commands_flags_choices_presets_names_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("runs/first", "runs/second", "other"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("first", "second"):
        (tmp_path / "runs" / name / "settings.json").touch()
    assert completed("pnas-cifar10", "re") == ["released", "report"]
    assert completed("pnas-cifar10", "run", "--dry") == ["--dry-run"]
    assert completed("pnas-cifar10", "run", "--search-gate", "t") == ["two-path"]
    assert completed("pnas-cifar10", "run", "--preset", "tree") == ["tree-cpu", "tree-paper"]
    assert completed("pnas-cifar10", "run", "--space", "nas") == ["nas-bench-macro", "nas-bench-201"]
    assert completed("pnas-cifar10", "run", "--device", "tf") == ["tflite", "tflite-runtime"]
    assert completed("pnas-cifar10", "export", "runs/first", "--format", "onnx") == ["onnx", "onnx-int8"]
    assert completed("pnas-cifar10", "report", "") == ["runs/first", "runs/second"]
    assert completed("pnas-own", "report", "runs/s") == ["runs/second"]
    unreadable = "a" * 300  # no folder can have that name, whoever asks
    assert completed("pnas-own", "report", f"{unreadable}/x") == [f"{unreadable}/x"]
    assert completed("pnas-lab", "primitives", "--dtype", "int") == ["int8"]
