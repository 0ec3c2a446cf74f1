"""The user's own operations: the Python file of `--ops`, and its copy in a run's folder.

To read such an operation is to run the code of its file, which may be anything. So that happens where the user has
named the file with `--ops`, and for a copy in a run's folder only where a file of that very content was named here
before, which the cache remembers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.run.trusted_code import is_trusted, trust
from pnas_ops import (
    AnyNet,
    AnySpace,
    Space,
    code_of,
    load_operations,
    own_operations,
    own_operations_of,
    sha256_of,
)

FILE_NAME = "operations.py"
"""Of the copy in a run's folder."""


@contextmanager
def given_operations(path: Path | None, cache: Cache) -> Iterator[None]:
    """The operations of a file that the command line names are known in the `with` block.

    Args:
        path: of the file; None for no file.
        cache: remembers that the user has named it.

    Raises:
        OperationError: for a file that fails, or defines no operation.
    """
    if path is None:
        yield
        return
    with own_operations(*load_operations(path)):
        trust(path, cache)
        yield


@contextmanager
def operations_of_run(run: Path, given: Path | None, cache: Cache) -> Iterator[None]:
    """The operations of a run are known in the `with` block, where its user has named their file here before.

    Args:
        run: its folder.
        given: the file that the command line names, if it does.
        cache: knows the files that were named.

    Raises:
        UserError: for a file that is not the run's, and code that nobody has asked for.
        OperationError: as `given_operations`.
    """
    kept = run / FILE_NAME
    if not kept.is_file():
        if given is not None:
            raise UserError(f"{run} was started without --ops: leave it out")
    elif given is not None and sha256_of(given) != sha256_of(kept):
        raise UserError(f"{given} is not the file {run} was started with: give --ops {kept}, or start another run")
    elif given is None and not is_trusted(kept, cache):
        raise UserError(
            f"{run} has its own operations, and reading them executes {kept}, which was never given with --ops here: "
            f"inspect it, and if you trust it, add --ops {kept}"
        )
    with given_operations(given or (kept if kept.is_file() else None), cache):
        yield


def codes(net: AnySpace | AnyNet) -> dict[str, str]:
    """The hash of the code of each user-defined operation in a space or a net, by the name of its class."""
    return {type(op).__name__: code_of(type(op)) for op in own_operations_of(net)}


def check_used(path: Path, space: Space) -> None:
    """Raises a UserError where a space has no operation of the file that the command line names."""
    ours = {code_of(spec) for spec in load_operations(path)}
    if not ours & set(codes(space).values()):
        raise UserError(
            f"space {space.name!r} uses no operation of {path}: use them in a space of your own, given as --space "
            "FILE; the command space prints one to start from"
        )
