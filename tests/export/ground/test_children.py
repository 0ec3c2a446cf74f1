"""What is killed takes with it what it has started, and what it left is removed by the next."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pnas_export.ground import scratch
from pnas_export.ground.programs import DeviceError, run_program
from pnas_export.ground.scratch import scratch_folder

DEADLINE_S = 20.0

# A session that goes on for hours, and a command of a device that does.
PROGRAM = """
import sys
from pathlib import Path
from threading import Thread
from pnas_export.ground.programs import run_program
from pnas_export.timing import sessions
from pnas_export.timing.sessions import Plan, measure_in_sessions
folder = Path(sys.argv[1])
code = "import sys, time; open(sys.argv[1] + '/command', 'w'); time.sleep(600)"
Thread(target=run_program, args=[[sys.executable, "-c", code, str(folder)]], kwargs={"timeout_s": 900}).start()
sessions._SESSION = folder / "endless.py"
(folder / "endless.py").write_text("import time; print('progress 1 2', flush=True); time.sleep(600)")
plan = Plan(module="none", threads=1, rows=())
measure_in_sessions(plan, folder, progress=lambda *step: (folder / "session").touch())
"""


def until(what: str, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def running_in(folder: Path) -> list[str]:
    """The command lines that name the folder, of processes that are no zombies."""
    listed = subprocess.run(["ps", "-eww", "-o", "stat,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(folder) in line and not line.startswith("Z")]


def test_a_killed_program_takes_what_it_started_with_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)]) as process:
        try:
            until("a session", (tmp_path / "session").exists)
            until("a command", (tmp_path / "command").exists)
            running = running_in(tmp_path)
        finally:
            process.kill()
    assert len(running) == 3
    until("it lives on", lambda: not running_in(tmp_path))


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"did not end within 0\.2 s"):
        run_program([sys.executable, "-c", "import time; time.sleep(600)", str(tmp_path)], timeout_s=0.2)
    assert not running_in(tmp_path)


def test_folders_that_a_killed_program_left_are_removed_and_those_of_living_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "_JUST_MADE_S", -1.0)
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    (tmp_path / "pnas-run").mkdir()
    left = tmp_path / f"{scratch.PREFIX}left"
    left.mkdir()
    (left / "blocks.tflite").touch()
    (tmp_path / f"{scratch.PREFIX}file").touch()
    with scratch_folder() as mine, scratch_folder() as other:
        assert mine.exists()
        assert other.exists()
        assert not left.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{scratch.PREFIX}file", "pnas-run"]
