"""Functions of Python files that a command line names as FILE.py:FUNCTION: they are run because it does."""

import inspect
import sys
import traceback
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from pnas_apps.ground.errors import UserError

Result = TypeVar("Result")


def named_file(text: str) -> tuple[Path, str]:
    """The file and the name of the function.

    Raises:
        UserError: for a text that names none, and a file that is not there.
    """
    file, colon, name = text.rpartition(":")
    if not colon or not name.isidentifier():
        raise UserError(f"{text!r} names no function: write FILE.py:FUNCTION, such as my_model.py:make")
    path = Path(file)
    if not path.is_file():
        raise UserError(f"there is no file {path}: name the Python file that makes your net")
    return path, name


def run_file(path: Path) -> ModuleType:
    """Runs the file as a module.

    Raises:
        UserError: naming the line that fails, and what it raised.
    """
    return call_user_code(path, "it raised", lambda: _imported(path.resolve()))


def call_user_code(path: Path, what: str, function: Callable[[], Result]) -> Result:
    """The result of a function that runs code of a user's file.

    Args:
        path: of the file.
        what: stands in the message before what was raised: "make raised".
        function: runs the code.

    Raises:
        UserError: naming the line that fails, and what it raised.
    """
    try:
        return function()
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's code raises
        from pnas_ops import in_one_line

        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename) == path.resolve()
        ]
        where = f"line {lines[-1]} of {path}" if lines else f"{path}"
        raise UserError(f"check {where}: {what} {type(error).__name__}: {in_one_line(error)}") from None


def takes_argument(function: Callable[..., object]) -> bool:
    """Whether a function has a positional argument."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return any(one.kind in positional for one in inspect.signature(function).parameters.values())


def _imported(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError("its name does not end in .py")
    if getattr(sys.modules.get(path.stem), "__file__", str(path)) != str(path):
        raise ImportError(f"it would hide another module called {path.stem}: give it another name")
    module = module_from_spec(spec)
    # As when Python runs the file: it may import what lies beside it, and what it defines can be pickled.
    sys.path.insert(0, str(path.parent))
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
