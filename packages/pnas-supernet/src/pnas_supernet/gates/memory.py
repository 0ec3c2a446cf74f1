"""The memory that autograd keeps for the backward pass."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor


def saved_bytes(forward: Callable[[], object], *, besides: Iterable[Tensor] = ()) -> int:
    """Bytes that autograd keeps for the backward pass of what `forward` computes.

    Every storage counts once, as a whole, however many tensors share it.

    Args:
        forward: computes something and returns it, so that its graph is alive while it is counted.
        besides: tensors that exist anyway, such as parameters, buffers and the input, which do not count.
    """
    # Kept alive here, so that no address is reused.
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage
        return tensor

    known = {tensor.untyped_storage().data_ptr() for tensor in besides}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        forward()
    return sum(storage.nbytes() for address, storage in kept.items() if address not in known)
