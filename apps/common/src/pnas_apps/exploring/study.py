"""The nets of an exploration in a database: which wait, who is judging which, and the judgements."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

import optuna
from attrs import asdict, frozen
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import create_engine, inspect

from pnas_apps.exploring.addresses import Address
from pnas_apps.exploring.entries import Entry, Group, read_entry
from pnas_apps.exploring.fingerprint import Fingerprint
from pnas_apps.exploring.quiet_optuna import quiet_optuna
from pnas_apps.exploring.study_database import engine_options, lock_from_the_beginning, usable
from pnas_apps.ground.errors import UserError
from pnas_ops import Choices, Judgement

_FINGERPRINT = "pnas"
_BEGUN_BY = "begun by"
_TRIES = 3
"""Of a net whose worker dies again and again: it may be the net that kills it."""


class Study:
    """The nets of an exploration, which any number of processes, on any number of machines, judge.

    A net is proposed, waits, and is taken by a worker, which shows by a heartbeat that it lives. Where that stops, the
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
        with usable(address), quiet_optuna():
            self._storage = RDBStorage(
                address.url,
                engine_kwargs=engine_options(address),
                heartbeat_interval=heartbeat_s,
                grace_period=patience_s,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=_TRIES - 1),
            )
            if self._storage.engine.name == "sqlite":
                lock_from_the_beginning(self._storage)
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
        return _entries(self._study, self._address)

    def put(self, choices: Choices, group: Group, *, asking_epochs: float = 0.0) -> None:
        """Lets a net wait for a worker."""
        asked: dict[str, Any] = {"choices": list(choices), "group": group, "asking_epochs": asking_epochs}
        self._study.add_trial(create_trial(state=TrialState.WAITING, user_attrs=asked))

    def revive(self) -> None:
        """Lets the nets of dead workers wait again."""
        with quiet_optuna():
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
        """Gives up a net that this worker has taken."""
        with suppress(UpdateFinishedTrialError):
            self._storage.set_trial_state_values(self._trial_id(number), state=TrialState.FAIL)

    def tell(self, number: int, judgement: Judgement) -> None:
        """Stores the judgement of a net; does nothing where others took this worker for dead and have taken the net."""
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


@frozen(kw_only=True)
class KnownStudy:
    """What a study holds.

    Attributes:
        entries: in order.
        begun_by: the worker that began it; None where it is not begun.
    """

    entries: tuple[Entry, ...] = ()
    begun_by: str | None = None


def look_at_study(address: Address, fingerprint: Fingerprint) -> KnownStudy:
    """What a study holds. Refuses what `Study` would refuse, and makes nothing.

    Raises:
        UserError: for a database that cannot be used, and a study of something else.
    """
    file = address.file
    if file is not None:
        with usable(address):
            is_there = file.exists()
        if not file.parent.is_dir() or not all(
            os.access(path, os.W_OK) for path in (file.parent, *([file] if is_there else []))
        ):
            raise UserError(
                f"{address.shown} cannot be written: make the folder {file.parent} or permit access, or name another "
                "--study"
            )
        if not is_there:
            return KnownStudy()
    with usable(address), quiet_optuna():
        engine = create_engine(address.url, **engine_options(address))
        has_studies = inspect(engine).has_table("studies")
        engine.dispose()
        if not has_studies:
            return KnownStudy()
        storage = RDBStorage(address.url, engine_kwargs=engine_options(address), skip_table_creation=True)
        try:
            if address.name in optuna.get_all_study_names(storage):
                study = optuna.load_study(study_name=address.name, storage=storage)
                if _is_ours(study, address):
                    _refuse_another(study, address, fingerprint)
                    return KnownStudy(entries=tuple(_entries(study, address)), begun_by=study.user_attrs.get(_BEGUN_BY))
            return KnownStudy()
        finally:
            storage.remove_session()
            storage.engine.dispose()


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
    table = " (as --table, the table.json of the run that started it)" if "table" in different else ""
    raise UserError(
        f"{address.shown} holds a study that differs in {' and '.join(different)}: give the settings it was started "
        f"with{table}, or name another --study"
    )


def _entries(study: optuna.Study, address: Address) -> list[Entry]:
    trials = study.get_trials(deepcopy=False)
    return [_entry(trial, address) for trial in sorted(trials, key=lambda trial: trial.number)]


def _entry(trial: FrozenTrial, address: Address) -> Entry:
    try:
        return read_entry(trial)
    except (LookupError, TypeError):
        raise UserError(
            f"trial {trial.number} in {address.shown} was written by another program: name another --study"
        ) from None
