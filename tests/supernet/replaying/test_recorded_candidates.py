"""Recorded candidates against candidates that are run: on a CPU by what does the work again, on a GPU by graphs."""

import copy
import gc
import random
import weakref
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from bits import bits
from pnas_ops import MBConv
from pnas_supernet import (
    ExactGate,
    Execution,
    MixedOp,
    RecordedCandidates,
    Sampler,
    TwoPathGate,
    active_paths,
    alpha_parameters,
    arch_step,
    mixed_ops,
    sample_exact_gate,
    sample_paths,
    sample_single,
    sample_two_path_gate,
    take_mixture,
    weight_parameters,
    weight_step,
)
from pnas_supernet.gates.nested import tensors_in
from pnas_supernet.replaying.tapes import Rehearsal, Work

ARCH_SAMPLERS = [sample_exact_gate, sample_two_path_gate, take_mixture]
Batch = tuple[Tensor, Tensor]


class CountedTape(Rehearsal):
    """Counts what was recorded, and how often that was done again."""

    def __init__(self) -> None:
        self.recorded = self.done_again = 0

    def record(self, work: Work, pool: object) -> Work:
        self.recorded += 1

        def again() -> None:
            self.done_again += 1
            work()

        return again


class Allocations(TorchDispatchMode):
    """All tensors that are made while it lasts."""

    def __init__(self) -> None:
        super().__init__()
        self.tensors: list[Tensor] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        known = {tensor.untyped_storage().data_ptr() for tensor in tensors_in((args, kwargs or {}))}
        out = function(*args, **(kwargs or {}))
        # `data` does without autograd's counter of changes.
        self.tensors += [tensor.data for tensor in tensors_in(out) if tensor.untyped_storage().data_ptr() not in known]
        return out


class ScorchedTape(Rehearsal):
    """Destroys what a recording has made when another of the same memory is done, as a GPU may."""

    def __init__(self) -> None:
        self._made: dict[object, list[Tensor]] = {}

    def pool(self) -> Any:
        return object()

    def record(self, work: Work, pool: object) -> Work:
        def again() -> None:
            for tensor in self._made.pop(pool, []):
                tensor.fill_(torch.nan) if tensor.is_floating_point() else tensor.zero_()
            with Allocations() as allocations:
                work()
            self._made[pool] = allocations.tensors

        return again


def search(
    network: nn.Module,
    batch: Batch,
    *,
    recorded: RecordedCandidates | None = None,
    sampler: Sampler = sample_exact_gate,
    execution: Execution = Execution(),  # noqa: B008 (frozen)
    steps: int = 3,
) -> dict[str, Tensor]:
    """What a network holds after some steps of weights and alpha in turn, with the losses and outputs of the steps."""
    weights = torch.optim.SGD(weight_parameters(network), lr=0.1, momentum=0.9)
    alphas = torch.optim.Adam(alpha_parameters(network), lr=0.1)
    generator = torch.Generator().manual_seed(3)
    kept: dict[str, Tensor] = {}
    with recorded or nullcontext():
        for step in range(steps):
            weight, arch = (
                function(
                    network,
                    *batch,
                    paths=sample_paths(network, of, generator),
                    loss=cross_entropy,
                    optimizer=optimizer,
                    execution=execution,
                )
                for function, of, optimizer in ((weight_step, sample_single, weights), (arch_step, sampler, alphas))
            )
            kept |= {f"loss {step}": torch.stack([weight.loss, arch.loss])}
            kept |= {f"outputs {step}": torch.cat([weight.outputs, arch.outputs])}
    return kept | network.state_dict()


def assert_same(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        assert torch.equal(tensor, b[name]), name


@pytest.mark.parametrize("sampler", ARCH_SAMPLERS)
@pytest.mark.parametrize("execution", [Execution(), Execution(autocast=torch.bfloat16), Execution(micro_batches=2)])
def test_a_search_is_the_same(network: nn.Module, batch: Batch, sampler: Sampler, execution: Execution) -> None:
    other, tape = copy.deepcopy(network), CountedTape()
    recorded = RecordedCandidates(other, tape=tape)
    assert_same(
        search(network, batch, sampler=sampler, execution=execution),
        search(other, batch, sampler=sampler, execution=execution, recorded=recorded),
    )
    assert tape.done_again > tape.recorded > 0


@pytest.mark.parametrize("sampler", ARCH_SAMPLERS)
def test_recordings_share_their_memory(network: nn.Module, batch: Batch, sampler: Sampler) -> None:
    other = copy.deepcopy(network)
    recorded = RecordedCandidates(other, tape=ScorchedTape())
    assert_same(search(network, batch, sampler=sampler), search(other, batch, sampler=sampler, recorded=recorded))


def test_it_says_what_is_run_all_the_same(batch: Batch) -> None:
    network = NETS["dropout"]()
    recorded = RecordedCandidates(network)
    search(network, batch, recorded=recorded, steps=4)
    assert dict(recorded.eager) == {network[1].candidates[0]: "it draws random numbers"}


def test_nothing_is_recorded_outside_of_the_block(network: nn.Module, batch: Batch) -> None:
    tape = CountedTape()
    with RecordedCandidates(network, tape=tape):
        pass
    search(network, batch)
    assert tape.recorded == 0


def test_recordings_serve_the_next_block(network: nn.Module, batch: Batch) -> None:
    tape = CountedTape()
    recorded = RecordedCandidates(network, tape=tape)
    search(network, batch, recorded=recorded, steps=8)
    first = tape.recorded
    search(network, batch, recorded=recorded, steps=8)
    assert tape.recorded - first < first


class Full(Rehearsal):
    """A GPU whose memory is full."""

    def rehearse(self, work: Work) -> None:
        raise torch.OutOfMemoryError


def test_memory_that_does_not_suffice_is_no_candidate_that_cannot_be_recorded(network: nn.Module, batch: Batch) -> None:
    recorded = RecordedCandidates(network, tape=Full())
    with pytest.raises(torch.OutOfMemoryError):
        search(network, batch, recorded=recorded)
    assert not recorded.eager


def test_after_an_error_no_recording_keeps_its_memory(network: nn.Module, batch: Batch) -> None:
    other, tape = copy.deepcopy(network), CountedTape()
    recorded = RecordedCandidates(other, tape=tape)
    search(other, batch, recorded=recorded)
    kept = [weakref.ref(one) for op in recorded._stand_ins for one in recorded._stand_ins[op]]
    with pytest.raises(KeyError), recorded:
        raise KeyError
    gc.collect()
    assert kept
    assert [one() for one in kept] == [None] * len(kept)
    before = tape.recorded
    expected = copy.deepcopy(other)
    assert_same(search(expected, batch), search(other, batch, recorded=recorded))
    assert tape.recorded > before


class Failing(nn.Module):
    """Fails whenever it is gone through backward."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = _FailingBackward.apply(x)
        return out * self.weight


class _FailingBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        raise RuntimeError("no way back")


def test_a_candidate_whose_backward_pass_fails_is_run_and_fails_there() -> None:
    op = MixedOp([Failing(), nn.Identity()])
    recorded, x = RecordedCandidates(op), torch.ones(2, requires_grad=True)
    with recorded, active_paths(op, [ExactGate(0)]):
        out = op(x * 1)
        with pytest.raises(RuntimeError, match="no way back"):
            out.sum().backward()
    assert list(recorded.eager.values()) == ["no way back"]


class Dropped(nn.Module):
    """Draws random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.dropout(self.norm(self.conv(x)), 0.5, self.training)


class Twice(nn.Module):
    """Gives a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.conv(x), x + 1


class Summed(nn.Module):
    """Takes a tuple."""

    def forward(self, pair: tuple[Tensor, Tensor]) -> Tensor:
        return pair[0] + pair[1]


class Borrowed(nn.Module):
    """Learns something that is not among its parameters."""

    def __init__(self, borrowed: Tensor) -> None:
        super().__init__()
        self.conv, self.borrowed = nn.Conv2d(4, 4, 1), [borrowed]

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + self.borrowed[0].sum()


class SometimesLeftOut(nn.Module):
    """Draws from Python's random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x if random.random() < 0.5 else self.conv(x)


class Checkpointed(nn.Sequential):
    """Runs its modules again in backward."""

    def forward(self, x: Tensor) -> Tensor:
        again: Tensor = checkpoint(super().forward, x, use_reentrant=False)
        return again


def borrowing() -> nn.Module:
    stem = nn.Conv2d(3, 4, 3).double()
    assert stem.bias is not None
    return nn.Sequential(stem, around(MixedOp([Borrowed(stem.bias), nn.Conv2d(4, 4, 1)]))[1:])


def around(*between: nn.Module) -> nn.Module:
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)]
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), *between, *head).double()


NETS: dict[str, Callable[[], nn.Module]] = {
    "dropout": lambda: around(MixedOp([Dropped(), nn.Conv2d(4, 4, 1)])),
    "tuple": lambda: around(MixedOp([Twice(), Twice()]), Summed()),
    "only_dropout": lambda: around(MixedOp([nn.Dropout(), nn.Conv2d(4, 4, 1)])),
    "identity": lambda: around(MixedOp([nn.Identity(), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)])),
    "in_place_after": lambda: around(
        MixedOp([nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, padding=1)]), nn.ReLU(inplace=True)
    ),
    "first": lambda: nn.Sequential(
        MixedOp([nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 3, padding=1)]),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 5),
    ).double(),
    "last": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 8), nn.Flatten(), MixedOp([nn.Linear(4, 5), nn.Linear(4, 5, bias=False)])
    ).double(),
    "spectral": lambda: around(
        MixedOp([nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 4, 1)), nn.Conv2d(4, 4, 1)])
    ),
    "borrowing": borrowing,
    "sometimes": lambda: around(MixedOp([SometimesLeftOut(), nn.Conv2d(4, 4, 1)])),
    "checkpointed": lambda: around(
        Checkpointed(MixedOp([nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, padding=1)]), nn.ReLU())
    ),
    "twice": lambda: around(*[MixedOp([nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)])] * 2),
}


@pytest.mark.parametrize("name", NETS)
def test_a_net_of_any_kind_is_the_same(name: str, batch: Batch) -> None:
    torch.manual_seed(0)
    network = NETS[name]()
    other = copy.deepcopy(network)
    torch.manual_seed(5)
    random.seed(5)
    plain = search(network, batch, steps=4)
    torch.manual_seed(5)
    random.seed(5)
    assert_same(plain, search(other, batch, steps=4, recorded=RecordedCandidates(other)))


@pytest.mark.parametrize("path", [TwoPathGate(0, 1), TwoPathGate(1, 0), ExactGate(1)], ids=str)
def test_gates_stand_in_the_order_of_the_path(batch: Batch, path: TwoPathGate) -> None:
    network = around(MixedOp([nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)]))
    found = []
    for inside in (nullcontext(), RecordedCandidates(network)):
        network.zero_grad()
        with inside, active_paths(network, [path]):
            cross_entropy(network(batch[0]), batch[1]).backward()
        found.append([parameter.grad for parameter in network.parameters()])
    assert bits([gradient for gradient in found[0] if gradient is not None]) == bits(
        [gradient for gradient in found[1] if gradient is not None]
    )
    assert found[0][-1] is not None


def test_a_gradient_of_the_input_is_the_users_own() -> None:
    torch.manual_seed(0)
    op = MixedOp([nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, padding=1)])
    a, b = torch.randn(2, 2, 4, 5, 5).unbind()
    with RecordedCandidates(op), active_paths(op, [ExactGate(0)]):
        op(a.requires_grad_()).square().sum().backward()
        assert a.grad is not None
        before = a.grad.clone()
        op(b).square().sum().backward()
        assert torch.equal(a.grad, before)


def test_a_candidate_that_changes_its_input_is_refused_as_ever(batch: Batch) -> None:
    network = around(MixedOp([nn.Conv2d(4, 4, 1), nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(4, 4, 1))]))
    with RecordedCandidates(network), active_paths(network, [ExactGate(0)]):
        loss = cross_entropy(network(batch[0]), batch[1])
        with pytest.raises(ValueError, match="changes its input in place"):
            loss.backward()


def test_a_copy_stands_on_its_own(network: nn.Module, batch: Batch) -> None:
    with RecordedCandidates(network):
        copied = copy.deepcopy(network)
    assert_same(search(copy.deepcopy(network), batch), search(copied, batch))


def test_choices_that_are_shared_are_the_same(batch: Batch) -> None:
    first = MixedOp([MBConv(4, 4, kernel_size=k, expansion=2, stride=1) for k in (3, 5)])
    second = MixedOp([MBConv(4, 4, kernel_size=k, expansion=2, stride=1) for k in (3, 5)], alpha=first.alpha)
    network = around(first, second)
    other = copy.deepcopy(network)
    assert_same(search(network, batch), search(other, batch, recorded=RecordedCandidates(other)))


def between_blocks(network: nn.Module, batch: Batch, change: Callable[[nn.Module], object]) -> None:
    """A change between two blocks is seen, whatever was recorded before it."""
    other = copy.deepcopy(network)
    recorded = RecordedCandidates(other)
    for found, inside in ((network, None), (other, recorded)):
        search(found, batch, recorded=inside)
        change(found)
    assert_same(search(network, batch), search(other, batch, recorded=recorded))


def halve(network: nn.Module) -> None:
    for parameter in weight_parameters(network):
        parameter.data = parameter.data / 2  # other memory


def freeze(network: nn.Module) -> None:
    for op in mixed_ops(network):
        op.candidates[0].eval()
        next(op.candidates[1].parameters()).requires_grad_(False)


def replace(network: nn.Module) -> None:
    for op in mixed_ops(network):
        op.candidates[0] = copy.deepcopy(op.candidates[1])


def hook(network: nn.Module) -> None:
    for op in mixed_ops(network):
        op.candidates[0].register_forward_hook(lambda module, inputs, output: output * 2)
        for parameter in op.candidates[1].parameters():
            parameter.register_hook(lambda gradient: gradient * 3)


def tune(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.5


@pytest.mark.parametrize("change", [halve, freeze, replace, hook, tune])
def test_a_change_is_seen(network: nn.Module, batch: Batch, change: Callable[[nn.Module], object]) -> None:
    between_blocks(network, batch, change)


def test_batches_of_other_sizes_are_the_same(network: nn.Module, batch: Batch) -> None:
    other = copy.deepcopy(network)
    recorded = RecordedCandidates(other)
    for size in (6, 4, 5, 3, 2, 6):
        part = (batch[0][:size], batch[1][:size])
        assert_same(search(network, part, steps=1), search(other, part, steps=1, recorded=recorded))


def gradients(network: nn.Module, batch: Batch, backward: Callable[[Tensor], object]) -> list[Tensor | None]:
    paths = sample_paths(network, sample_exact_gate, torch.Generator().manual_seed(0))
    with active_paths(network, paths):
        backward(cross_entropy(network(batch[0]), batch[1]))
    return [parameter.grad for parameter in network.parameters()]


def never(loss: Tensor) -> None:
    pass


@pytest.mark.parametrize("backward", [Tensor.backward, never])
def test_gradients_add_up(network: nn.Module, batch: Batch, backward: Callable[[Tensor], object]) -> None:
    other = copy.deepcopy(network)
    for _ in range(2):
        plain = gradients(network, batch, backward)
        with RecordedCandidates(other):
            found = gradients(other, batch, backward)
    for a, b in zip(plain, found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


def test_a_second_backward_pass_is_refused(network: nn.Module, batch: Batch) -> None:
    with RecordedCandidates(network), active_paths(network, [ExactGate(0), ExactGate(1)]):
        loss = cross_entropy(network(batch[0]), batch[1])
        loss.backward(retain_graph=True)
        with pytest.raises(RuntimeError, match="outside of `with RecordedCandidates"):
            loss.backward()


@pytest.fixture
def gpu() -> Iterator[torch.device]:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        yield torch.device("cuda")


def close(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    torch.testing.assert_close(b, a, rtol=1e-9, atol=1e-11)


@pytest.mark.gpu
@pytest.mark.parametrize("sampler", ARCH_SAMPLERS)
def test_graphs_do_the_same(gpu: torch.device, network: nn.Module, batch: Batch, sampler: Sampler) -> None:
    network, images, labels = network.to(gpu), batch[0].to(gpu), batch[1].to(gpu)
    other = copy.deepcopy(network)
    recorded = RecordedCandidates(other)
    close(
        search(network, (images, labels), sampler=sampler, steps=6),
        search(other, (images, labels), sampler=sampler, steps=6, recorded=recorded),
    )
    assert not recorded.eager


@pytest.mark.gpu
@pytest.mark.parametrize("name", NETS)
def test_graphs_do_the_same_in_a_net_of_any_kind(gpu: torch.device, name: str, batch: Batch) -> None:
    torch.manual_seed(0)
    network = NETS[name]().to(gpu)
    other = copy.deepcopy(network)
    here = (batch[0].to(gpu), batch[1].to(gpu))
    torch.manual_seed(5)
    plain = search(network, here, steps=4)
    torch.manual_seed(5)
    close(plain, search(other, here, steps=4, recorded=RecordedCandidates(other)))


@pytest.mark.gpu
@pytest.mark.parametrize("change", [halve, freeze, replace, hook])
def test_graphs_see_a_change(
    gpu: torch.device, network: nn.Module, batch: Batch, change: Callable[[nn.Module], object]
) -> None:
    network = network.to(gpu)
    other, here = copy.deepcopy(network), (batch[0].to(gpu), batch[1].to(gpu))
    recorded = RecordedCandidates(other)
    for found, inside in ((network, None), (other, recorded)):
        search(found, here, recorded=inside)
        change(found)
    close(search(network, here), search(other, here, recorded=recorded))
