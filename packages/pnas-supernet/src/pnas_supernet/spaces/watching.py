"""What a net asks of its modules besides calling them, which nothing that takes their place can answer."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from torch import nn

from pnas_supernet.spaces.tracing import trace


def asked_of(network: nn.Module, paths: Iterable[str], arguments: tuple[Any, ...]) -> dict[str, str]:
    """The attribute that a net reads of each module at these paths in a forward pass; only for those it reads any of.

    Attributes that every module has, such as `training`, do not count.
    """
    watched = {path: _Watched(network.get_submodule(path)) for path in paths}
    for path, stand_in in watched.items():
        network.set_submodule(path, stand_in)
    try:
        with suppress(Exception):  # whatever a net raises that looks at types; `check_originals` reports it
            trace(network, arguments)
    finally:
        for path, stand_in in watched.items():
            network.set_submodule(path, stand_in.original)
    return {path: stand_in.asked[0] for path, stand_in in watched.items() if stand_in.asked}


class _Watched(nn.Module):
    """Stands where another module stood, and keeps the names of its attributes that are read."""

    def __init__(self, original: nn.Module) -> None:
        super().__init__()
        self.original = original
        self.asked: list[str] = []

    def forward(self, *inputs: Any, **named: Any) -> Any:
        return self.original(*inputs, **named)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            found = getattr(self.original, name)
            # What is not there either, as `hasattr` may find out, nothing has to answer.
            self.asked.append(name)
            return found
