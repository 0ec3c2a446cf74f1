"""What earlier versions of the packages do not have."""

from importlib import import_module
from typing import Any


def newer(name: str, module: str = "pnas_supernet") -> Any:
    """Something of a module.

    Raises:
        ImportError: where the packages are of a version without it.
    """
    try:
        return getattr(import_module(module), name)
    except AttributeError:
        raise ImportError(f"{module} has no {name}") from None
