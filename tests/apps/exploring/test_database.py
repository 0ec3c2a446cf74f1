"""A study on a database server, of which each process knows nothing but the URL."""

import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from sqlalchemy import create_engine, inspect, text

import explorers
from explorers import heard_of_long_ago, settings, study_in
from pnas_apps.exploring.addresses import address_of
from pnas_apps.exploring.study import look_at_study
from pnas_apps.ground.errors import UserError

pytestmark = pytest.mark.slow
TIMEOUT_S = 100


def program(name: str) -> str:
    """A program of PostgreSQL, which Debian keeps out of the way."""
    places = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"))]
    found = shutil.which(name, path=os.pathsep.join([*places, os.environ["PATH"]]))
    if found is None:
        pytest.skip(f"there is no {name}: apt-get install postgresql")
    return found


@pytest.fixture
def url() -> Iterator[str]:
    """A study on a server of its own."""
    pytest.importorskip("psycopg")
    # Root may not run a server, and no folder of pytest's is open to others.
    own: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="pnas-postgres-"))
    if own:
        shutil.chown(folder, own["user"], own["group"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, **own}
    data = str(folder / "data")
    subprocess.run([program("initdb"), "-D", data, "-A", "trust", "-U", "me"], check=True, **quiet)
    listening = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder)]
    with subprocess.Popen([program("postgres"), "-D", data, *listening], stderr=subprocess.DEVNULL, **quiet) as server:
        try:
            until = time.monotonic() + TIMEOUT_S
            ready = [program("pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
            while subprocess.run(ready, check=False, **quiet).returncode:
                assert server.poll() is None
                assert time.monotonic() < until
                time.sleep(0.2)
            yield f"postgresql+psycopg://me@127.0.0.1:{port}/postgres#nets"
        finally:
            server.send_signal(signal.SIGINT)  # it ends without waiting for who is connected
    shutil.rmtree(folder)


def test_what_a_killed_machine_was_judging_is_taken_up_by_another_that_knows_the_url_alone(
    url: str, tmp_path: Path
) -> None:
    asked, context = settings(nets=8), multiprocessing.get_context("spawn")
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    victim, other = (
        context.Process(
            target=explorers.judge_with_others, args=(url, folder, number, asked), kwargs={"hangs_at": hangs_at}
        )
        for number, (folder, hangs_at) in enumerate(zip(folders, (3, None), strict=True))
    )
    victim.start()
    until = time.monotonic() + TIMEOUT_S
    while not (folders[0] / "hangs").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGKILL)
    heard_of_long_ago(url)
    other.start()
    for process in (victim, other):
        process.join(TIMEOUT_S)
    assert [process.exitcode for process in (victim, other)] == [-signal.SIGKILL, 0]

    judged = [(folder / f"judged-by-{number}.txt").read_text().split() for number, folder in enumerate(folders)]
    killed_at = judged[0].pop()
    assert len(judged[0]) == 2
    assert killed_at in judged[1]
    with closing(study_in(url)) as study:
        entries = [entry for entry in study.entries() if entry.state == "judged"]
    assert Counter([*judged[0], *judged[1]]) == Counter("".join(map(str, entry.choices)) for entry in entries)
    assert len(entries) == len({entry.choices for entry in entries}) == 8
    assert {entry.worker for entry in entries} == {"host-0/run/1", "host-1/run/1"}


def test_looking_whether_a_study_can_be_used_makes_nothing_on_a_server(url: str) -> None:
    engine = create_engine(address_of(url).url)
    look_at_study(address_of(url), explorers.FINGERPRINT)
    assert inspect(engine).get_table_names() == []
    study_in(url).close()
    look_at_study(address_of(url), explorers.FINGERPRINT)
    look_at_study(address_of(url.replace("#nets", "#others")), evolve(explorers.FINGERPRINT, seed="1"))
    with pytest.raises(
        UserError, match=r"postgres#nets holds a study that differs in seed: give the settings it was started"
    ):
        look_at_study(address_of(url), evolve(explorers.FINGERPRINT, seed="1"))
    with engine.connect() as database:
        assert database.execute(text("SELECT study_name FROM studies")).scalars().all() == ["nets"]
    engine.dispose()
