"""How the database of a study is opened: its driver, its locks, and one line for whatever is wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import Connection, event
from sqlalchemy.exc import SQLAlchemyError

from pnas_apps.exploring.addresses import Address
from pnas_apps.ground.errors import UserError

_PACKAGES = {"psycopg2": "psycopg2-binary", "psycopg": "psycopg[binary]", "MySQLdb": "mysqlclient"}
"""Packages with the drivers of databases, by the module that is imported, where the two names differ."""


def engine_options(address: Address) -> dict[str, Any]:
    """What `create_engine` is given: an SQLite file is written by one process at a time, so others wait a minute."""
    return {"connect_args": {"timeout": 60}} if address.url.startswith("sqlite") else {}


def lock_from_the_beginning(storage: RDBStorage) -> None:
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


@contextmanager
def usable(address: Address) -> Iterator[None]:
    """Around opening a study.

    Raises:
        UserError: in one line, for a driver that is not installed and a database that cannot be opened.
    """
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
