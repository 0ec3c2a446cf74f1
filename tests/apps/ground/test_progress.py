"""What a program tells, on a terminal and in a log file."""

import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pnas_apps.ground import progress
from pnas_apps.ground.cache import find_cache
from pnas_apps.ground.console import SafeConsole
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import MORE, Reporter
from pnas_apps.ground.terminal import printable

HOSTILE = "a\x1b[31mred\x07\x9b2J\u202egnp.exe\r\udcff"
STEERS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")


def reporter(**options: Any) -> tuple[Reporter, Callable[[], str]]:
    file = io.StringIO()
    return Reporter(SafeConsole(file=file, **options)), file.getvalue


def test_no_name_steers_the_terminal() -> None:
    one, printed = reporter()
    one.console.print(f"the file {HOSTILE}")
    with one.bar(HOSTILE, 1) as advance:
        advance(1, text=HOSTILE)
    assert not STEERS.search(printed())
    assert r"a\x1b[31mred\x07\x9b2J\u202egnp.exe\r\udcff" in printed()


def test_what_people_write_is_left_alone() -> None:
    text = "Grüße, 日本語 👩\u200d🔬\n\tin two lines"
    assert printable(text) == text


def test_a_log_file_hears_of_a_long_step_every_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    one, printed = reporter()
    with one.bar("searching", 1000, "steps") as advance:
        for step in range(100):
            clock[0] += 1.0
            advance(10, text=f"epoch {step // 20}" if step % 20 == 19 else None)
    assert printed().splitlines() == [
        "  searching: 300 of 1,000 steps after 0:30, epoch 0",
        "  searching: 600 of 1,000 steps after 1:00, epoch 2",
        "  searching: 900 of 1,000 steps after 1:30, epoch 3",
        "  searching: 1,000 of 1,000 steps in 1:40, epoch 4",
    ]


def test_the_parts_of_a_bar_are_told_as_one() -> None:
    one, printed = reporter()
    with one.bar_of_parts("training", 6, "steps") as parts:
        for name in ("first", "second"):
            with parts.bar(name, 3) as advance:
                advance(2)
                advance(1, text="97%")
    assert printed() == "  training: 6 of 6 steps in 0:00, second: 97%\n"


def test_phases_are_told_each() -> None:
    one, printed = reporter()
    with one.phases() as update:
        update("converting", 1, 1)
        update("measuring", 5, 5)
    assert printed() == "  converting: 100% in 0:00\n  measuring: 100% in 0:00\n"


def test_a_bar_never_goes_back_and_keeps_its_total(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [(0, 100), (50, 100), (100, 100), (100, 150), (125, 150), (150, 150)]
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    one, printed = reporter()
    with one.phases() as update:
        for done, total in told:
            update("measuring", done, total)
    shown = re.findall(r"measuring: (\d+)%", printed())
    # A bar that is full, and yet goes on, says why.
    assert [line.endswith(f", {MORE}") for line in printed().splitlines()] == [False] * 2 + [True] * 2 + [False]
    assert shown == ["0", "50", "100", "100", "100"]
    terminal, drawn = reporter(force_terminal=True)
    with terminal.phases() as update:
        for done, total in told[:-1]:
            update("measuring", done, total)
    shares = [int(share) for share in re.findall(r"(\d+)%", drawn())]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    assert MORE in drawn()


def test_what_is_said_of_a_phase_is_not_said_of_it_when_it_has_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    one, printed = reporter()
    with one.phases() as update:
        for done, total in ((0, 4), (4, 8), (8, 8), (0, 4), (4, 4)):
            update("timing", done, total)
    assert [MORE in line for line in printed().splitlines()] == [False, True, False, False]


@pytest.mark.parametrize("again", [(0, 2), (1, 2)], ids=["told at its beginning", "told after its first step"])
def test_a_phase_that_comes_again_begins_anew(again: tuple[int, ...]) -> None:
    one, printed = reporter()
    with one.phases() as update:
        for done in (0, 5, *again):
            update("trying", done, 5)
    assert printed() == "  trying: 40% in 0:00\n"


def test_a_total_that_is_not_known_at_first_is_taken_when_it_is() -> None:
    one, printed = reporter()
    with one.phases() as update:
        update("reading", 0, 0)
        update("reading", 3, 4)
    assert printed() == "  reading: 75% in 0:00\n"
    terminal, drawn = reporter(force_terminal=True)
    with terminal.phases() as update:
        update("reading", 0, 0)
        update("reading", 3, 4)
    assert "75%" in drawn()


@pytest.mark.parametrize("columns", [20, 30, 40, 60])
def test_a_narrow_terminal_tells_how_far_a_long_name_is(columns: int) -> None:
    one, drawn = reporter(force_terminal=True, width=columns)
    with one.bar("judging nets with inherited weights, and a name that is longer than that", 2, "nets") as advance:
        advance(2, text="75.0%")
    assert "100%" in drawn()


@pytest.mark.parametrize(("done", "beginning"), [(1, r"^[-\\\\|/] reading"), (2, "^  reading")])
def test_a_bar_turns_while_a_step_takes_its_time(done: int, beginning: str) -> None:
    one, drawn = reporter(force_terminal=True)
    with one.bar("reading", 2, "images") as advance:
        advance(done)
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn()).rstrip().rpartition("\r")[2].rpartition("\n")[2]
    assert re.match(beginning, last)


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (120, "search: sampled nets 75.0%, 1.234 ms, entropy 0.52"),
        (75, "search: sampled nets 75.0%, 1.234 ms"),
        (65, "search: sampled nets 75.0%"),
        (60, "00:00"),
    ],
)
def test_a_narrow_terminal_leaves_out_the_last_parts_of_a_remark_whole(columns: int, shown: str) -> None:
    one, drawn = reporter(force_terminal=True, width=columns)
    with one.bar("searching", 1, "steps") as advance:
        advance(text="search: sampled nets 75.0%, 1.234 ms, entropy 0.52")
    assert re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn()).rstrip().endswith(f" {shown}")
    assert "0…" not in drawn()


def test_a_share_is_not_told_before_it_is_reached() -> None:
    one, printed = reporter()
    with one.bar("trying", 1000) as advance:
        advance(999)
    assert printed() == "  trying: 99% in 0:00\n"


def test_work_that_knows_its_share_is_told_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    one, printed = reporter()
    with one.shares("trying") as tell:
        for share in (0.25, 0.5, 1.5):
            tell(share)
    assert re.findall(r"trying: (\d+)%", printed()) == ["0", "25", "50", "100"]


@pytest.mark.parametrize("terminal", [False, True])
def test_a_loop_that_an_error_leaves_writes_nothing_once_the_console_is_closed(terminal: bool) -> None:
    one, printed = reporter(force_terminal=terminal)
    items = one.counted("reading", [1, 2, 3], 3, "numbers")
    assert next(items) == 1
    one.close()
    before = printed()
    items.close()  # type: ignore[attr-defined]
    assert printed().rstrip("\n") == before.rstrip("\n")
    if not terminal:
        assert before == ""


@pytest.mark.parametrize("columns", ["0", "abc", "-3", "1"])
def test_any_width_prints_a_table(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    one, printed = reporter()
    one.console.print("a line of words that is neither long nor short")
    assert printed() == "a line of words that is neither long nor short\n"


PROGRAM = """
import sys
from pnas_apps.ground.progress import reporter_on_stdout
from pnas_cifar10.cli import main

@main.command()
def talk():
    with reporter_on_stdout() as reporter:
        items = reporter.counted("reading", range(10**6), 10**6, "numbers")
        for item in items:
            reporter.console.print(f"line {item}")
            if item == 5000:
                from pnas_apps.ground.errors import UserError
                raise UserError("no more")

main(["talk"], prog_name="pnas-cifar10")
"""


@pytest.mark.parametrize(
    ("reader", "code", "errors"),
    [("head -1", 141, ""), ("cat", 1, "error: no more\n"), ("cat >&-", 141, "")],
    ids=["a reader that goes", "a reader that stays", "a reader that is none"],
)
def test_a_pipe_gets_what_it_takes_and_no_complaint_after_the_one_line(reader: str, code: int, errors: str) -> None:
    command = f"set -o pipefail; {sys.executable} -c '{PROGRAM.replace(chr(39), chr(34))}' | {reader}"
    finished = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    if reader != "cat >&-":
        assert (finished.stderr, finished.returncode) == (errors, code)
    assert "Exception ignored" not in finished.stderr
    assert "Traceback" not in finished.stderr


def test_closed_streams_are_no_error() -> None:
    command = f"{sys.executable} -c '{PROGRAM.replace(chr(39), chr(34))}' >&- <&-"
    finished = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (finished.stderr, finished.returncode) == ("error: no more\n", 1)


def test_a_cache_that_cannot_be_used_is_told_with_the_way_out(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("")
    with pytest.raises(UserError, match=r"the cache .*taken/x cannot be written to \(Not a directory\): "):
        find_cache(taken / "x")
    assert find_cache(tmp_path / "new" / "cache").path.is_dir()


def test_a_user_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pnas_apps.ground.cache.user_cache_path", lambda name: Path("~/.cache", name))
    with pytest.raises(UserError, match=r"this user has no home folder for the cache: give --cache-dir, or set HOME"):
        find_cache(None)
