"""A batch in parts: the same gradients as whole, at the memory of one part."""

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pnas_ops import Zero
from pnas_supernet import (
    ExactGate,
    Execution,
    GatePath,
    MixedOp,
    SinglePath,
    TwoPathGate,
    active_paths,
    alpha_parameters,
    arch_step,
    saved_bytes,
    weight_parameters,
    weight_step,
)


def make_network() -> nn.Sequential:
    """Without BatchNorm, which would see other statistics in each part."""

    def make_candidates() -> list[nn.Module]:
        return [nn.Sequential(nn.Conv2d(4, 4, k, padding=k // 2), nn.Tanh()) for k in (1, 3, 5)] + [Zero()]

    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), MixedOp(make_candidates()), nn.Conv2d(4, 4, 3), MixedOp(make_candidates()), nn.Flatten()
    ).double()


def make_batch(count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(count, 3, 8, 8, dtype=torch.float64, generator=generator)
    return images, torch.randint(64, (count,), generator=generator)


def objective(loss: Tensor, probs: Sequence[Tensor]) -> Tensor:
    """Of the whole batch's loss it is no sum over parts."""
    cost = torch.tensor([1.0, 2.0, 4.0, 0.0], dtype=torch.float64)
    return (1 + loss) ** 1.5 * sum((p @ cost for p in probs), torch.ones(()))


def take(step: str, count: int, paths: Sequence[GatePath], parts: int) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Loss, outputs and all gradients of a step."""
    network, execution = make_network(), Execution(micro_batches=parts)
    parameters = weight_parameters(network) if step == "weight" else alpha_parameters(network)
    common: dict[str, Any] = {
        "paths": paths,
        "loss": cross_entropy,
        "optimizer": torch.optim.SGD(parameters, lr=0.0),
        "execution": execution,
    }
    if step == "weight":
        result = weight_step(network, *make_batch(count), **common)
    else:
        result = arch_step(network, *make_batch(count), objective=objective, **common)
    return result.loss, result.outputs, {n: p.grad for n, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("parts", [2, 3, 4])
@pytest.mark.parametrize("count", [12, 7, 5])
@pytest.mark.parametrize(
    ("step", "paths"),
    [
        ("weight", [SinglePath(1), SinglePath(2)]),
        ("arch", [ExactGate(0), ExactGate(3)]),
        ("arch", [TwoPathGate(2, 1), TwoPathGate(3, 0)]),
    ],
    ids=["weight", "exact", "two-path"],
)
def test_parts_add_up_to_the_whole(step: str, paths: list[GatePath], count: int, parts: int) -> None:
    """The objective sees the loss of the whole batch."""
    whole, in_parts = take(step, count, paths, 1), take(step, count, paths, parts)
    assert whole[2]
    torch.testing.assert_close(in_parts, whole, rtol=1e-10, atol=1e-14)


def peak_saved_bytes(run: Callable[[], object], besides: Iterable[Tensor]) -> int:
    """The most bytes that autograd keeps at one time while `run` goes forward and backward, perhaps repeatedly."""
    known = {tensor.untyped_storage().data_ptr() for tensor in besides}
    counts: dict[int, int] = {}
    sizes: dict[int, int] = {}
    peak = 0

    class Kept:
        def __init__(self, tensor: Tensor) -> None:
            self.tensor = tensor

    def release(address: int) -> None:
        counts[address] -= 1
        if counts[address] == 0:
            del counts[address], sizes[address]

    def pack(tensor: Tensor) -> Tensor | Kept:
        nonlocal peak
        storage = tensor.untyped_storage()
        address = storage.data_ptr()
        if address in known:
            return tensor
        kept = Kept(tensor)
        counts[address] = counts.get(address, 0) + 1
        sizes[address] = storage.nbytes()
        weakref.finalize(kept, release, address)
        peak = max(peak, sum(sizes.values()))
        return kept

    def unpack(packed: Tensor | Kept) -> Tensor:
        return packed.tensor if isinstance(packed, Kept) else packed

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        run()
    assert not counts
    return peak


def mean_square(outputs: Tensor, targets: Tensor) -> Tensor:
    return outputs.square().mean()


@pytest.mark.parametrize("paths", [[SinglePath(1), SinglePath(2)], [ExactGate(1), ExactGate(2)]], ids=str)
def test_each_of_n_parts_keeps_an_nth(paths: list[GatePath]) -> None:
    network = make_network()
    inputs, targets = make_batch(12)

    def peak(parts: int) -> int:
        execution = Execution(micro_batches=parts)
        return peak_saved_bytes(
            lambda: execution.gradients(network, inputs, targets, mean_square),
            besides=[*network.parameters(), inputs],
        )

    def forward() -> Tensor:
        return mean_square(network(inputs), targets)

    with active_paths(network, paths):
        whole = saved_bytes(forward, besides=[*network.parameters(), inputs])
        # A gate keeps the four probabilities too, which are as many for every part.
        gates = 2 * 4 * 8 if isinstance(paths[0], ExactGate) else 0
        assert peak(1) == whole
        for parts in (2, 3, 4):
            assert peak(parts) - gates == (whole - gates) / parts
