"""What the public functions of a package take."""

import inspect
from pathlib import Path
from types import ModuleType

from pnas_ops import FilePath


def names_with_a_path(package: ModuleType) -> set[str]:
    """The public names of `package` that take a `FilePath`, in a method too; fails where one takes a `Path` alone."""
    found = set()
    for name in package.__all__:
        value = getattr(package, name)
        if not inspect.isfunction(value) and not inspect.isclass(value):
            continue
        for function in (value, *(member for _, member in inspect.getmembers(value, inspect.isfunction))):
            annotations = [parameter.annotation for parameter in inspect.signature(function).parameters.values()]
            assert Path not in annotations, f"{name} takes no text"
            if FilePath in annotations:
                found.add(name)
    return found
