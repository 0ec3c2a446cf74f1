"""Studies that cannot be used, or are of something else."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
import pytest
from attrs import evolve, fields
from optuna.storages._rdb import models

from explorers import FINGERPRINT, heard_of_long_ago, study_in
from pnas_apps.exploring.addresses import Address, address_of
from pnas_apps.exploring.fingerprint import Fingerprint
from pnas_apps.exploring.study import Study, look_at_study
from pnas_apps.ground.errors import UserError
from pnas_ops import Judgement


def test_a_study_of_something_else_is_refused_by_what_differs(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    study_in(file)
    for name in (field.name for field in fields(Fingerprint)):
        with pytest.raises(
            UserError, match=rf"study.db holds a study that differs in {name}: give the settings it was started"
        ):
            study_in(file, fingerprint=evolve(FINGERPRINT, **{name: "other"}))


def test_what_is_no_study_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all, but long enough to be looked at" * 99)
    with pytest.raises(UserError, match=r"text.db cannot be used for a study \(.*file is not a database\)"):
        study_in(tmp_path / "text.db")
    with pytest.raises(UserError, match=r"study.db cannot be used for a study \(.*unable to open database file\)"):
        study_in(tmp_path / "nowhere" / "study.db")
    url = f"sqlite:///{tmp_path / 'other.db'}"
    optuna.create_study(storage=url, study_name="exploration").set_user_attr("of", "somebody else")
    with pytest.raises(UserError, match=r"other.db holds a study of another program: name another --study"):
        study_in(tmp_path / "other.db")


def test_looking_whether_a_study_can_be_used_makes_nothing(tmp_path: Path) -> None:
    file, url = tmp_path / "study.db", f"sqlite:///{tmp_path / 'other.db'}"
    look_at_study(address_of(str(file)), FINGERPRINT)
    look_at_study(address_of(url), FINGERPRINT)
    assert not [*tmp_path.iterdir()]
    file.touch()  # as a kill may leave it
    look_at_study(address_of(str(file)), FINGERPRINT)
    assert not file.read_bytes()
    study_in(file)
    before = file.read_bytes()
    look_at_study(address_of(str(file)), FINGERPRINT)
    look_at_study(address_of(f"sqlite:///{file}#another"), evolve(FINGERPRINT, seed="1"))
    assert file.read_bytes() == before
    with pytest.raises(
        UserError, match=r"study.db holds a study that differs in seed: give the settings it was started with, or name"
    ):
        look_at_study(address_of(str(file)), evolve(FINGERPRINT, seed="1"))
    optuna.create_study(storage=url, study_name="exploration").set_user_attr("of", "somebody else")
    with pytest.raises(UserError, match=r"other.db holds a study of another program: name another --study"):
        look_at_study(address_of(url), FINGERPRINT)


def test_a_study_in_what_is_no_folder_is_refused_and_a_name_too_long_with_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be written: make the folder .*file or permit access"):
        look_at_study(address_of(str(tmp_path / "file" / "study.db")), FINGERPRINT)
    with pytest.raises(UserError, match="cannot be used for a study"):
        look_at_study(address_of(str(tmp_path / ("x" * 300))), FINGERPRINT)


def test_a_study_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    study_in(tmp_path / "study.db")
    url = f"sqlite:///file:{tmp_path / 'study.db'}?mode=ro&uri=true"
    with pytest.raises(UserError, match=r"is read-only, but a study is written to: leave that option out"):
        address_of(url)
    read_only = Address(url=url, shown=url, name="another")
    with pytest.raises(UserError, match=r"cannot be used for a study \(.*readonly database\): permit access to it"):
        Study(read_only, FINGERPRINT, worker="host/run/1")


@pytest.mark.parametrize(
    ("query", "ignored"), [("mode=ro", "mode"), ("x=1", "x"), ("timeout=5&x=1", "x"), ("uri=no&a=1&b=2", "a, b")]
)
def test_options_that_sqlite_would_ignore_are_refused(query: str, ignored: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"has options that SQLite does not take \({ignored}\): leave them out"):
        address_of(f"sqlite:///{tmp_path / 'study.db'}?{query}")


@pytest.mark.parametrize("rest", ["study.db?timeout=30", "file:study.db?mode=rwc&uri=true", "file:study.db?uri=1"])
def test_options_that_sqlite_takes_are_taken(rest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Study(address_of(f"sqlite:///{rest}"), FINGERPRINT, worker="host/run/1")
    assert (tmp_path / "study.db").exists()


@pytest.mark.parametrize("query", ["timeout=soon", "uri=perhaps"])
def test_options_of_a_wrong_value_are_refused(query: str) -> None:
    with pytest.raises(UserError, match=r"has an option with a wrong value \(.*\): leave it out, or fix it"):
        address_of(f"sqlite:///study.db?{query}")


@pytest.mark.parametrize("rest", ["", ":memory:", "file::memory:?cache=shared&uri=true", "file:a?mode=memory&uri=1"])
def test_a_study_in_memory_is_refused(rest: str) -> None:
    with pytest.raises(UserError, match=r"exists only in the memory of one process: name a file"):
        address_of(f"sqlite:///{rest}")


def test_a_link_that_leads_nowhere_holds_no_study(tmp_path: Path) -> None:
    link, target = tmp_path / "study.db", tmp_path / "gone.db"
    link.symlink_to(target)
    for text in (str(link), f"sqlite:///{link}"):
        with pytest.raises(UserError, match=rf"study.db is a link to {target}, which does not exist: fix it"):
            address_of(text)
    target.touch()
    assert address_of(str(link)).file == link


@pytest.mark.parametrize(
    ("text", "shown", "name"),
    [
        ("shared/study.db", "shared/study.db", "exploration"),
        ("postgresql://me:secret@host/nets#mine", "postgresql://me:***@host/nets#mine", "mine"),
        ("sqlite:////nets.db", "sqlite:////nets.db", "exploration"),
    ],
)
def test_an_address_is_a_file_or_a_url_whose_password_nobody_sees(text: str, shown: str, name: str) -> None:
    address = address_of(text)
    assert (address.shown, address.name) == (shown, name)
    assert "secret" in address.url or "secret" not in text


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(UserError, match=r"--study ://... is not a database URL: write DIALECT://"):
        address_of("://nothing")
    with pytest.raises(UserError, match=r"nosuch://host/db cannot be used for a study \(.*nosuch"):
        Study(address_of("nosuch://host/db"), FINGERPRINT, worker="host/run/1")


def test_a_driver_that_is_not_there_is_named_by_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    missing = r"me:\*\*\*@host/nets needs a driver that is not installed: pip install 'psycopg\[binary\]', or name"
    with pytest.raises(UserError, match=missing):
        Study(address_of("postgresql+psycopg://me:secret@host/nets"), FINGERPRINT, worker="host/run/1")


def test_a_worker_that_others_have_given_up_tells_nothing(tmp_path: Path) -> None:
    study = study_in(tmp_path / "study.db")
    study.put((0,) * 6, "searched")
    assert study.take(0)
    heard_of_long_ago(tmp_path / "study.db")
    study.revive()
    study.tell(0, Judgement(value=0.5, epochs=1))
    given_up, again = study.entries()
    assert (given_up.state, given_up.judgement) == ("lost", None)
    assert (again.state, again.choices) == ("waiting", given_up.choices)
    assert study.take(again.number)
    study.tell(again.number, Judgement(value=0.25, epochs=2))
    assert study.entries()[1].judgement == Judgement(value=0.25, epochs=2)


def test_a_net_that_ends_its_workers_again_and_again_is_given_up(tmp_path: Path) -> None:
    study = study_in(tmp_path / "study.db")
    study.put((0,) * 6, "searched")
    for number in range(3):
        assert study.take(number)
        heard_of_long_ago(tmp_path / "study.db")
        study.revive()
    assert [entry.state for entry in study.entries()] == ["lost"] * 3


def test_the_first_worker_has_begun_the_study(tmp_path: Path) -> None:
    first = study_in(tmp_path / "study.db", "one/run/1")
    second = study_in(tmp_path / "study.db", "other/run/1")
    assert (first.was_begun_here, second.was_begun_here) == (True, False)


def test_what_another_program_has_put_into_a_study_is_told_in_one_line(tmp_path: Path) -> None:
    study = study_in(tmp_path / "study.db")
    study.put((0,) * 6, "searched")
    foreign = optuna.load_study(storage=f"sqlite:///{tmp_path / 'study.db'}", study_name="exploration")
    foreign.add_trial(optuna.trial.create_trial(value=1.0))
    with pytest.raises(UserError, match=r"trial 1 in .*study.db was written by another program: name another --study"):
        study.entries()


def test_of_two_workers_that_see_a_net_wait_at_once_one_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each looks at it before either has changed it, if the database lets them."""
    workers = [study_in(tmp_path / "study.db", worker=name) for name in ("one", "other")]
    workers[0].put((0,) * 6, "searched")
    both_have_looked, find = threading.Barrier(2), models.TrialModel.find_or_raise_by_id

    def look(*arguments: Any, **options: Any) -> Any:
        trial = find(*arguments, **options)
        if options.get("for_update"):
            with suppress(threading.BrokenBarrierError):
                both_have_looked.wait(1)
        return trial

    monkeypatch.setattr(models.TrialModel, "find_or_raise_by_id", look)
    with ThreadPoolExecutor() as pool:
        took = [*pool.map(lambda worker: worker.take(0), workers)]
    assert sorted(took) == [False, True]
