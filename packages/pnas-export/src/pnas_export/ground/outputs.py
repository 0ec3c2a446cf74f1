"""What a net gives, as a row of tensors."""

from collections.abc import Mapping

from torch import Tensor, nn

from pnas_export.ground.net_error import NetError


def output_tensors(given: object) -> tuple[Tensor, ...]:
    """The tensors of a net's result in their order: one, or a tuple or list of them; None in it is left out.

    Raises:
        NetError: for a result of anything else, such as a dict.
    """
    found = tuple(_tensors(given))
    if not found:
        raise NetError("the net gives no tensor", "export a module whose forward returns at least one")
    return found


class FlatOutputs(nn.Module):
    """A net of which every output is a tensor, in one flat tuple."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """`output_tensors` of what the net gives."""
        return output_tensors(self.net(images))


def _tensors(given: object) -> list[Tensor]:
    if isinstance(given, Tensor):
        return [given]
    if given is None:
        return []
    if isinstance(given, (tuple, list)):
        return [tensor for one in given for tensor in _tensors(one)]
    names = list(given) if isinstance(given, Mapping) else list(getattr(given, "__dict__", {}))
    what = f"the net gives {type(given).__name__}" + (f" ({', '.join(map(str, names))})" if names else "")
    one = f"[{names[0]!r}]" if isinstance(given, Mapping) and names else f".{names[0]}" if names else ""
    raise NetError(
        f"{what}, where a file gives tensors", f"export a module whose forward returns tensors, such as net(x){one}"
    )
