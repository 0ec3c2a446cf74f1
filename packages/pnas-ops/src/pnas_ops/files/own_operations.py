"""The user-defined operations that files may name: those of a `with` block, and those of installed packages."""

import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from hashlib import sha256
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import get_args

from pnas_ops.data.errors import in_one_line
from pnas_ops.data.own_operation import OperationError, OwnOperation
from pnas_ops.data.specs import OpSpec
from pnas_ops.files.atomic import FilePath

ENTRY_POINTS = "pnas.operations"
"""The entry point group in which a package names its operations: `Ghost = "my_package.operations:GhostSpec"`."""

_MODULE = "pnas_own_operations_"

_KNOWN: ContextVar[Mapping[str, type[OwnOperation]]] = ContextVar("_KNOWN", default=MappingProxyType({}))


def kind_of(spec: type[object]) -> str:
    """The name of an operation in files."""
    return spec.__name__.removesuffix("Spec")


@contextmanager
def own_operations(*specs: type[OwnOperation]) -> Iterator[None]:
    """Files that are read in the `with` block may name these operations, and those of enclosing blocks.

    Operations of installed packages, in the group "pnas.operations", need no such block.

    Args:
        specs: their classes.

    Raises:
        OperationError: for a class that is not a frozen attrs class, and for two of one name.
    """
    added: dict[str, type[OwnOperation]] = {}
    for spec in specs:
        _check(spec)
        if added.setdefault(kind_of(spec), spec) is not spec:
            raise OperationError(f"there are two operations of the name {kind_of(spec)!r}", "rename one of them")
    token = _KNOWN.set({**_KNOWN.get(), **added})
    try:
        yield
    finally:
        _KNOWN.reset(token)


def own_operation(kind: str) -> type[OwnOperation] | None:
    """The operation of this name in files; None if it is unknown here.

    Raises:
        OperationError: for an entry point that does not lead to such a class.
    """
    if kind in _KNOWN.get():
        return _KNOWN.get()[kind]
    for entry in _entry_points().select(name=kind):
        try:
            spec = entry.load()
        except Exception as error:  # a user's code may raise anything
            raise OperationError(f"the entry point {entry.value} cannot be loaded: {in_one_line(error)}") from None
        _check(spec)
        if kind_of(spec) != kind:
            raise OperationError(
                f"the entry point {kind!r} leads to {entry.value}, which is called {kind_of(spec)!r} in files",
                "give them the same name",
            )
        return spec  # type: ignore[no-any-return]
    return None


def load_operations(path: FilePath) -> tuple[type[OwnOperation], ...]:
    """Runs a Python file, whatever it does, and returns the operations that it defines.

    Within a process, the same content gives the same classes. Other processes that have loaded it know them too.

    Args:
        path: of a self-contained file: what it imports must be installed.

    Raises:
        OperationError: in one line that names the file, if it does not exist, fails, or defines no operation.
    """
    try:
        source = Path(path).read_bytes()
    except OSError as error:
        raise OperationError(f"{path} cannot be read ({error.strerror})", "name a Python file") from None
    module = _module(source, Path(path))
    found = [one for one in vars(module).values() if _is_own(one) and one.__module__ == module.__name__]
    # A base class of others may leave their methods abstract.
    leaves = [one for one in dict.fromkeys(found) if not any(one in other.__bases__ for other in found)]
    if not leaves:
        raise OperationError(
            f"{path} defines no operation", "let it define a frozen attrs class that derives from pnas_ops.OwnOperation"
        )
    try:
        with own_operations(*leaves):
            return tuple(leaves)
    except OperationError as error:
        raise OperationError(f"{path}: {error.what}", error.way_out) from None


def code_of(spec: type[OwnOperation]) -> str:
    """The hash of the file that defines an operation; empty if no file does, as at a prompt."""
    if spec.__module__.startswith(_MODULE):
        return spec.__module__.removeprefix(_MODULE)
    file = getattr(sys.modules.get(spec.__module__), "__file__", None)
    return "" if file is None else sha256(Path(file).read_bytes()).hexdigest()


def _module(source: bytes, path: Path) -> ModuleType:
    name = _MODULE + sha256(source).hexdigest()
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(path)
    # Before it runs: attrs and pickle look up there what classes refer to.
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec"), vars(module))
    except (Exception, SystemExit) as error:  # a user's code may raise anything
        del sys.modules[name]
        raise OperationError(f"{path} cannot be run: {type(error).__name__}: {in_one_line(error)}", "mend it") from None
    return module


def _is_own(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, OwnOperation) and value is not OwnOperation


def _check(spec: type[OwnOperation]) -> None:
    if not _is_own(spec):
        raise OperationError(f"{spec!r} is no operation", "derive a frozen attrs class from pnas_ops.OwnOperation")
    if inspect.isabstract(spec):
        raise OperationError(f"{spec.__name__} lacks {', '.join(sorted(spec.__abstractmethods__))}", "define it")
    # The attributes of a base class do not count: fields added without attrs would be in no file.
    if "__attrs_attrs__" not in vars(spec) or spec.__hash__ is None or spec.__eq__ is object.__eq__:
        raise OperationError(f"{spec.__name__} is no frozen attrs class", "write @attrs.frozen(kw_only=True) above it")
    if kind_of(spec) in {kind_of(one) for one in get_args(OpSpec)}:
        raise OperationError(f"{spec.__name__} has the name of an operation of pnas_ops", "rename it")


@cache
def _entry_points() -> EntryPoints:
    # Cached, since a file with many unknown operations asks for each, and the look-up is slow.
    return entry_points(group=ENTRY_POINTS)
