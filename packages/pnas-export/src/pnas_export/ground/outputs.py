"""The outputs of a net: tensors, each with a name."""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen
from torch import Tensor, nn

from pnas_export.ground.net_error import NetError


@frozen(kw_only=True)
class NetOutput:
    """An output of a net, and of its files.

    Attributes:
        name: its key or its field; see `named_outputs`.
        shape: for one image, without the batch, in PyTorch's order: (classes,), (C, H, W). The latter is (H, W, C) in a
            TFLite file.
        dtype: its name in NumPy, for the float32 net.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


def described(outputs: Mapping[str, Tensor]) -> tuple[NetOutput, ...]:
    """The descriptions of `named_outputs`."""
    return tuple(
        NetOutput(name=name, shape=tuple(tensor.shape[1:]), dtype=str(tensor.dtype).removeprefix("torch."))
        for name, tensor in outputs.items()
    )


def named_outputs(given: object) -> dict[str, Tensor]:
    """The tensors of a net's result by name, in order; None is left out.

    A tensor is named after its key or field, or its position in a tuple or list, "output_0". A single tensor is
    "output_0" too. Nested tensors have the names along their path, joined by dots: "features.0".

    Raises:
        NetError: for a result that holds anything but tensors, tuples, lists, and mappings of these.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in _tensors(given, ()):
        if name in found:
            raise NetError(f"the net gives two outputs of the name {name!r}", "give each a key of its own")
        found[name] = tensor
    if not found:
        raise NetError("the net gives no tensor", "export a module whose forward returns at least one")
    return found


def output_tensors(given: object) -> tuple[Tensor, ...]:
    """Only the tensors of `named_outputs`."""
    return tuple(named_outputs(given).values())


def rebuilt(given: object, tensors: Iterator[Tensor]) -> Any:
    """A result with the structure of `given` and other tensors, in the order of `named_outputs`."""
    if isinstance(given, Tensor):
        return next(tensors)
    if isinstance(given, Mapping):
        return {key: rebuilt(value, tensors) for key, value in given.items()}
    if isinstance(given, (tuple, list)):
        values = [rebuilt(value, tensors) for value in given]
        return type(given)(*values) if hasattr(given, "_fields") else type(given)(values)
    return given


def give_by_name(module: nn.Module, inputs: object, given: object) -> dict[str, Tensor]:
    """A forward hook that turns a net's result into a flat dict, which every converter takes, without a wrapper."""
    return named_outputs(given)


def _tensors(given: object, way: tuple[str, ...]) -> Iterator[tuple[str, Tensor]]:
    if isinstance(given, Tensor):
        yield ".".join(way or ("output_0",)), given
    elif isinstance(given, Mapping):
        for key, value in given.items():
            yield from _tensors(value, (*way, str(key)))
    elif isinstance(given, (tuple, list)):
        fields = getattr(given, "_fields", None) or [
            str(index) if way else f"output_{index}" for index in range(len(given))
        ]
        for field, value in zip(fields, given, strict=True):
            yield from _tensors(value, (*way, field))
    elif given is not None:
        names = list(getattr(given, "__dict__", {}))
        what = f"the net gives {type(given).__name__}" + (f" ({', '.join(names)})" if names else "")
        one = f".{names[0]}" if names else ""
        raise NetError(
            f"{what}, but a file can only give tensors",
            f"export a module whose forward returns tensors, such as net(x){one}",
        )
