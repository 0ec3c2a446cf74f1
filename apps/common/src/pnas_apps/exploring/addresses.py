"""Where a study is kept: in an SQLite file, or in a database whose URL is known."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.passwords import without_passwords

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_DEFAULT_NAME = "exploration"
_OPTIONS = ("uri", "timeout", "isolation_level", "detect_types", "check_same_thread", "cached_statements")
"""What SQLAlchemy hands on to Python's sqlite3; the rest to SQLite itself, if `uri` says so."""
_YES = ("true", "yes", "on", "y", "t", "1")


@frozen(kw_only=True)
class Address:
    """A study in a database.

    Attributes:
        url: of the database, as SQLAlchemy takes it; may hold a password.
        shown: the same as people may see it.
        name: of the study there.
        file: the file that the database is; None for one of a server, and for what SQLite takes for a file by itself.
    """

    url: str
    shown: str
    name: str
    file: Path | None = None


def address_of(text: str) -> Address:
    """What a command line names: a file, or a URL, behind which a study of a name of its own may stand: `URL#NAME`.

    Raises:
        UserError: for what is no URL of a database, and for one that no study can be kept in.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    if not text:
        raise UserError("--study is empty: name a file, or the URL of a database")
    if "://" not in text:
        if "?" in str(Path(text).absolute()):
            # Behind it SQLAlchemy reads options.
            raise UserError(
                f"{text} cannot hold a study, for there is a ? in its path: give another --study or --run-dir"
            )
        path = Path(text).absolute()
        _refuse_dangling(path, text)
        return Address(url=f"sqlite:///{path}", shown=text, name=_DEFAULT_NAME, file=path)
    url, _, name = text.partition("#")
    try:
        made = make_url(url)
    except (ArgumentError, ValueError):
        raise UserError(
            f"--study {url.partition('://')[0]}://... is not a database URL: write "
            "DIALECT://USER:PASSWORD@HOST/DATABASE, or name a file"
        ) from None
    is_sqlite = made.get_backend_name() == "sqlite"
    if is_sqlite:
        _check_sqlite(made, without_passwords(url))
    file = Path(made.database) if is_sqlite and made.database is not None and not made.query else None
    if file is not None:
        _refuse_dangling(file, url)
    return Address(url=url, shown=without_passwords(text), name=name or _DEFAULT_NAME, file=file)


def _refuse_dangling(file: Path, shown: str) -> None:
    with suppress(OSError):  # of a path that is none, which is told when it is opened
        if file.is_symlink() and not file.exists():
            raise UserError(
                f"{shown} is a link to {file.readlink()}, which does not exist: fix it, or name another --study"
            )


def _check_sqlite(url: "URL", shown: str) -> None:
    """Refuses what is in memory, options that SQLAlchemy would ignore with a warning, and what is only read."""
    options = url.query
    is_uri = str(options.get("uri", "")).lower() in _YES
    is_memory = is_uri and (options.get("mode") == "memory" or str(url.database).startswith("file::memory:"))
    if is_memory or url.database in (None, "", ":memory:"):
        raise UserError(f"{shown} exists only in the memory of one process: name a file")
    if url.get_driver_name() != "pysqlite":
        return
    if ignored := [] if is_uri else [name for name in options if name not in _OPTIONS]:
        raise UserError(f"{shown} has options that SQLite does not take ({', '.join(ignored)}): leave them out")
    try:
        url.get_dialect()().create_connect_args(url)
    except ValueError as error:
        raise UserError(f"{shown} has an option with a wrong value ({error}): leave it out, or fix it") from None
    if is_uri and (options.get("mode") == "ro" or options.get("immutable") in _YES):
        raise UserError(f"{shown} is read-only, but a study is written to: leave that option out, or name another")
