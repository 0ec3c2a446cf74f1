"""Buffers of every kind are put back as they were, at once or where the device finds that it has to be."""

import pytest
import torch
from torch import Tensor, nn

from pnas_supernet.gates.freezing import Buffers, buffers_kept_on_error


class Holder(nn.Module):
    """Holds buffers of every kind, and none."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        images = torch.randn(2, 3, 4, 5, generator=generator)
        with torch.inference_mode():
            cached = torch.randn(3, generator=generator)
        kinds = {
            "scalar": torch.tensor(3),
            "flags": torch.tensor([True, False]),
            "empty": torch.zeros(0),
            "narrow": torch.randn(3, generator=generator).bfloat16(),
            "mean": torch.randn(3, generator=generator),
            "variance": torch.rand(3, generator=generator),
            "images": images.to(memory_format=torch.channels_last),
            "part": torch.randn(4, 4, generator=generator)[:, 1:3],
            "none": None,
            "expanded": torch.arange(3).expand(4, 3),
            "sparse": torch.eye(3).to_sparse(),
            "cached": cached,
        }
        for name, tensor in kinds.items():
            self.register_buffer(name, tensor)

    @property
    def changeable(self) -> list[Tensor]:
        """Those that can be changed in place."""
        return [b for name, b in self._buffers.items() if b is not None and name not in FIXED]

    def change(self) -> None:
        """Changes them, some of them uncounted."""
        for index, tensor in enumerate(self.changeable):
            (tensor if index % 2 else tensor.data).copy_(torch.ones_like(tensor) * 7)


FIXED = ("expanded", "sparse", "cached")


def contents(holder: Holder) -> dict[str, Tensor]:
    return {name: b.detach().to_dense().clone() for name, b in holder._buffers.items() if b is not None}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_an_error_puts_back_content_and_tensors() -> None:
    holder = Holder()
    before, tensors = contents(holder), dict(holder._buffers)
    with pytest.raises(KeyError), buffers_kept_on_error([holder]):
        holder.change()
        assert not same(contents(holder), before)
        holder.sparse = torch.zeros(3).to_sparse()
        holder.mean = torch.ones(5)
        raise KeyError
    assert same(contents(holder), before)
    assert all(holder._buffers[name] is tensor for name, tensor in tensors.items())


@pytest.mark.parametrize("bound_anew", [None, "mean", "sparse"])
@pytest.mark.parametrize("condition", [False, True])
def test_a_condition_decides(condition: bool, bound_anew: str | None) -> None:
    holder = Holder()
    before = contents(holder)
    buffers = Buffers.of([holder])
    holder.change()
    if bound_anew is not None:
        setattr(holder, bound_anew, torch.ones(3, 3))
    changed = contents(holder)
    buffers.restore_if(torch.tensor(condition))
    assert same(contents(holder), before if condition else changed)
    assert not same(before, changed)


def test_what_a_graph_holds_may_be_put_back_where_it_was_changed_uncounted_or_not_at_all() -> None:
    norm = nn.InstanceNorm1d(2, track_running_stats=True)
    mask = nn.Module()
    mask.register_buffer("mask", torch.tensor([1.0, 2.0]))
    x = torch.randn(3, 2, 4, requires_grad=True)
    buffers = Buffers.of([norm, mask])
    output = norm(x) * mask.mask.view(2, 1)
    assert norm.running_mean.any()
    buffers.restore()
    assert not norm.running_mean.any()
    output.square().sum().backward()
    assert x.grad is not None
