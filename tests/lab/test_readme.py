"""README and lecture show what the commands print."""

import re
import shlex
from pathlib import Path

import pytest

from command_line import Lab

ROOT = Path(__file__).resolve().parents[2]
SHOWN = [
    (path.stem, shown[1], shown[2])
    for path in (ROOT / "apps" / "lab" / "README.md", ROOT / "docs" / "lecture.md")
    for shown in re.finditer(r"^```console\n\$ pnas-lab (.*)\n((?:.*\n)*?)```", path.read_text("utf-8"), re.M)
    # Without those whose output another test holds, or a machine.
    if shown[2]
]
PROGRESS = re.compile(r"  [a-z]+: (\d+ of \d+ [a-z]+|\d+%) (after|in) ")


@pytest.mark.parametrize("command", dict.fromkeys(command for _, command, _ in SHOWN))
def test_pages_show_what_a_command_prints(lab: Lab, command: str) -> None:
    printed = [line.rstrip() for line in lab(*shlex.split(command)).output.splitlines()]
    for _, shown, output in SHOWN:
        if shown == command:
            assert [line for line in printed if not PROGRESS.match(line)] == output.splitlines()


def test_both_pages_show_commands() -> None:
    commands = {page: {command.split()[0] for of_page, command, _ in SHOWN if of_page == page} for page, _, _ in SHOWN}
    assert commands["README"] >= {"primitives", "inspect"}
    assert commands["lecture"] >= {"primitives", "inspect", "sizes", "design", "scale"}
