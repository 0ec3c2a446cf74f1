"""The nets of an exploration in a database: which wait, which are being judged by whom, and what came of them."""

import json
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any, Literal

import optuna
from attrs import asdict, frozen
from optuna.exceptions import ExperimentalWarning, StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import Connection, create_engine, event, inspect
from sqlalchemy.exc import SQLAlchemyError

from pnas_apps.exploring.addresses import Address
from pnas_apps.exploring.fingerprint import Fingerprint
from pnas_apps.ground.errors import UserError
from pnas_ops import Choices, Judgement

Group = Literal["searched", "random"]
"""Who asks for a net: the strategy, or the random search that it is compared with."""

State = Literal["waiting", "judging", "judged", "lost"]

_STATES: dict[TrialState, State] = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "judging",
    TrialState.COMPLETE: "judged",
    TrialState.FAIL: "lost",
}
_FINGERPRINT = "pnas"
_BEGUN_BY = "begun by"
_PACKAGES = {"psycopg2": "psycopg2-binary", "psycopg": "psycopg[binary]", "MySQLdb": "mysqlclient"}
"""That hold the drivers of databases, where their names are others."""
_TRIES = 3
"""Of a net whose worker dies again and again: it may be the net that kills it."""


@frozen(kw_only=True)
class Entry:
    """A net in a study.

    Attributes:
        number: in the order in which the nets were asked for.
        group: who asked for it.
        choices: of the net.
        state: "lost" is what nobody judges any more: another entry has the net, or it has killed its workers.
        worker: who judges or has judged it; empty where it waits.
        asking_epochs: passes over the training images that it took to ask for it.
        judgement: None where it is not judged.
    """

    number: int
    group: Group
    choices: Choices
    state: State
    worker: str
    asking_epochs: float
    judgement: Judgement | None

    @property
    def counts(self) -> bool:
        """Whether it is judged or will be."""
        return self.state != "lost"

    @property
    def epochs(self) -> float:
        """Passes over the training images that it took so far."""
        return self.asking_epochs + (0.0 if self.judgement is None else self.judgement.epochs)


class Study:
    """The nets of an exploration, which any number of processes, on any number of machines, judge.

    A net is asked for, waits, and is taken by a worker, which shows by a heartbeat that it lives. Where that stops, the
    net waits again. All of this is Optuna's; that no net is judged twice is ours: an entry of a net that an earlier
    entry has is dropped as soon as it is taken. (Numbers are given one after another: the earlier one can be seen.)

    Args:
        address: where it is; it is made where it is not there.
        fingerprint: of the exploration.
        worker: name of this process, which no other one has.
        heartbeat_s: seconds between two signs of life.
        patience_s: seconds without one after which a worker is taken to be dead.

    Raises:
        UserError: for a database that cannot be used, and a study of something else.
    """

    def __init__(
        self,
        address: Address,
        fingerprint: Fingerprint,
        *,
        worker: str,
        heartbeat_s: int = 15,
        patience_s: int = 90,
    ) -> None:
        self.worker = worker
        self._address = address
        self._heartbeat_s = heartbeat_s
        with _usable(address), _quiet():
            self._storage = RDBStorage(
                address.url,
                engine_kwargs=_engine_options(address),
                heartbeat_interval=heartbeat_s,
                grace_period=patience_s,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=_TRIES - 1),
            )
            if self._storage.engine.name == "sqlite":
                _let_one_at_a_time(self._storage)
            self._study = optuna.create_study(
                storage=self._storage, study_name=address.name, direction="maximize", load_if_exists=True
            )
            self._id = self._storage.get_study_id_from_name(address.name)
            if not _is_ours(self._study, address):
                self._study.set_user_attr(_BEGUN_BY, worker)
                self._study.set_user_attr(_FINGERPRINT, json.dumps(asdict(fingerprint)))
            # Of one begun just now, too: another process may have begun it at the same moment.
            _refuse_another(self._study, address, fingerprint)

    @property
    def was_begun_here(self) -> bool:
        """Whether this worker has begun the study."""
        return self._study.user_attrs.get(_BEGUN_BY) == self.worker

    def close(self) -> None:
        """Lets go of the database, of which a server may have few connections."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def entries(self) -> list[Entry]:
        """All of them, in order.

        Raises:
            UserError: where another program has put something into the study.
        """
        trials = self._study.get_trials(deepcopy=False)
        return [self._entry(trial) for trial in sorted(trials, key=lambda trial: trial.number)]

    def put(self, choices: Choices, group: Group, *, asking_epochs: float = 0.0) -> None:
        """Lets a net wait for a worker."""
        asked: dict[str, Any] = {"choices": list(choices), "group": group, "asking_epochs": asking_epochs}
        self._study.add_trial(create_trial(state=TrialState.WAITING, user_attrs=asked))

    def revive(self) -> None:
        """Lets the nets of dead workers wait again."""
        with _quiet():
            fail_stale_trials(self._study)

    def take(self, number: int) -> bool:
        """Whether this worker may judge a waiting net: another may have been quicker."""
        trial = self._trial_id(number)
        # Before it is taken: without any heartbeat, a worker that dies now would not be missed.
        self._storage.record_heartbeat(trial)
        with suppress(UpdateFinishedTrialError):
            if self._storage.set_trial_state_values(trial, state=TrialState.RUNNING):
                self._storage.set_trial_user_attr(trial, "worker", self.worker)
                return True
        return False

    def drop(self, number: int) -> None:
        """Gives a net up that this worker has taken."""
        with suppress(UpdateFinishedTrialError):
            self._storage.set_trial_state_values(self._trial_id(number), state=TrialState.FAIL)

    def tell(self, number: int, judgement: Judgement) -> None:
        """Takes down what came of a net; nothing where others have given this worker up, and taken the net."""
        trial = self._trial_id(number)
        with suppress(UpdateFinishedTrialError):
            self._storage.set_trial_user_attr(trial, "epochs", judgement.epochs)
            self._storage.set_trial_state_values(trial, TrialState.COMPLETE, [judgement.value])

    @contextmanager
    def kept_alive(self, number: int) -> Iterator[None]:
        """Inside the `with` block others know that this worker lives."""
        trial, ended = self._trial_id(number), Event()

        def beat() -> None:
            while True:
                with suppress(StorageInternalError):  # a database that is away may be back at the next one
                    self._storage.record_heartbeat(trial)
                if ended.wait(self._heartbeat_s):
                    return

        thread = Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)

    def _entry(self, trial: FrozenTrial) -> Entry:
        try:
            return _entry(trial)
        except (LookupError, TypeError):
            raise UserError(
                f"trial {trial.number} in {self._address.shown} is another program's, of which nothing is known here: "
                "give another --study"
            ) from None


def check_study(address: Address, fingerprint: Fingerprint) -> None:
    """Refuses what `Study` would refuse, and makes nothing.

    Raises:
        UserError: for a database that cannot be used, and a study of something else.
    """
    file = address.file
    if file is not None:
        with _usable(address):
            is_there = file.exists()
        if not file.parent.is_dir() or not all(
            os.access(path, os.W_OK) for path in (file.parent, *([file] if is_there else []))
        ):
            raise UserError(
                f"{address.shown} cannot be written: make the folder {file.parent} or permit access, or name another "
                "--study"
            )
        if not is_there:
            return
    with _usable(address), _quiet():
        engine = create_engine(address.url, **_engine_options(address))
        has_studies = inspect(engine).has_table("studies")
        engine.dispose()
        if not has_studies:
            return
        storage = RDBStorage(address.url, engine_kwargs=_engine_options(address), skip_table_creation=True)
        try:
            if address.name in optuna.get_all_study_names(storage):
                study = optuna.load_study(study_name=address.name, storage=storage)
                if _is_ours(study, address):
                    _refuse_another(study, address, fingerprint)
        finally:
            storage.remove_session()
            storage.engine.dispose()


def _engine_options(address: Address) -> dict[str, Any]:
    """An SQLite file is written by one process at a time."""
    return {"connect_args": {"timeout": 60}} if address.url.startswith("sqlite") else {}


def _let_one_at_a_time(storage: RDBStorage) -> None:
    """Has each transaction hold the SQLite file from its beginning, not from its first change on.

    SQLite knows no rows to hold: two workers would find the same net waiting, and both take it. As SQLAlchemy's
    documentation has it ("Serializable isolation / Savepoints / Transactional DDL" of pysqlite).
    """

    @event.listens_for(storage.engine, "connect")
    def _(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing of its own accord

    @event.listens_for(storage.engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    storage.remove_session()
    storage.engine.dispose()  # connections from before


def _is_ours(study: optuna.Study, address: Address) -> bool:
    """Whether an exploration has claimed a study, which else is new.

    Raises:
        UserError: for one of another program.
    """
    if _FINGERPRINT in study.user_attrs:
        return True
    if study.user_attrs or study.get_trials(deepcopy=False):
        raise UserError(f"{address.shown} holds a study of another program: name another --study")
    return False


def _refuse_another(study: optuna.Study, address: Address, fingerprint: Fingerprint) -> None:
    """Raises a UserError for a study of ours that is of something else."""
    found = Fingerprint(**json.loads(study.user_attrs[_FINGERPRINT]))
    different = found.differences(fingerprint)
    if not different:
        return
    table = " (as --table the table.json of the run that began it)" if "table" in different else ""
    raise UserError(
        f"{address.shown} holds a study of another {' and '.join(different)}: give what it was begun with{table}, or "
        "name another --study"
    )


def _entry(trial: FrozenTrial) -> Entry:
    attributes = trial.user_attrs
    value = trial.value if trial.state == TrialState.COMPLETE else None
    return Entry(
        number=trial.number,
        group=attributes["group"],
        choices=tuple(attributes["choices"]),
        state=_STATES[trial.state],
        worker=attributes.get("worker", ""),
        asking_epochs=attributes["asking_epochs"],
        judgement=None if value is None else Judgement(value=value, epochs=attributes["epochs"]),
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Inside the `with` block Optuna neither tells of studies nor warns of what is called an experiment."""
    logger = logging.getLogger("optuna")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            yield
    finally:
        logger.setLevel(before)


@contextmanager
def _usable(address: Address) -> Iterator[None]:
    """Around opening a study: what is wrong with the database is told in one line."""
    try:
        yield
    except ImportError as error:
        name = str(getattr(error.__cause__ or error, "name", error))
        package = _PACKAGES.get(name, name)
        raise UserError(
            f"{address.shown} needs a driver that is not installed: pip install '{package}', or name another one as in "
            "DIALECT+DRIVER://..."
        ) from None
    except (SQLAlchemyError, StorageInternalError, OSError, RuntimeError, TypeError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error.__cause__ or error).split("\n")[0]
        raise UserError(
            f"{address.shown} cannot be used for a study ({reason}): permit access to it, or name another --study"
        ) from None


def judged(entries: Sequence[Entry], group: Group) -> list[Entry]:
    """Those of a group that are judged, in order."""
    return [entry for entry in entries if entry.group == group and entry.state == "judged"]
