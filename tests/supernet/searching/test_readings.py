"""Steps that the CPU does not look at until later: nothing is read in them, and nothing else comes out for it."""

import copy
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.functional import cross_entropy
from torch.optim import SGD, AdamW, Optimizer
from torch.utils._python_dispatch import TorchDispatchMode

from bits import bits
from pnas_supernet import (
    DivergenceError,
    Execution,
    ProxylessNAS,
    Readings,
    SearchConfig,
    SinglePath,
    load_checkpoint,
    mixed_ops,
    weight_parameters,
    weight_step,
)
from pnas_supernet.searching import readings as readings_module

Batch = tuple[Tensor, Tensor]

PATHS, OTHER_PATHS = [SinglePath(0), SinglePath(1)], [SinglePath(0), SinglePath(2)]


class NothingIsRead(TorchDispatchMode):
    """Inside the `with` block it is an error that Python asks for a number, which on a GPU it would wait for."""

    READS = (
        torch.ops.aten._local_scalar_dense.default,  # noqa: SLF001 (as PyTorch calls it)
        torch.ops.aten.equal.default,
        torch.ops.aten.nonzero.default,
    )

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func not in self.READS, f"{func} waits"
        return func(*args, **(kwargs or {}))


@pytest.fixture
def nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> NothingIsRead:
    def refuse(tensor: Tensor) -> None:
        raise AssertionError("this waits")

    for name in ("tolist", "numpy"):  # which no dispatch mode sees
        monkeypatch.setattr(Tensor, name, refuse)
    return NothingIsRead()


def make_batches(seed: int, count: int, dtype: torch.dtype = torch.float64) -> list[Batch]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(4, 3, 8, 8, dtype=dtype, generator=generator), torch.randint(5, (4,), generator=generator))
        for _ in range(count)
    ]


def make_sgd(parameters: Sequence[nn.Parameter], *, fused: bool) -> Optimizer:
    optimizer = SGD(parameters, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1, fused=fused)
    for parameter in parameters:  # the fused kernel takes no mix of weights with and without momentum
        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def make_adam(parameters: Sequence[nn.Parameter], *, fused: bool) -> Optimizer:
    return AdamW(parameters, lr=0.01, weight_decay=0.1, fused=fused)


OPTIMIZERS = {"SGD": make_sgd, "Adam": make_adam}


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("dtype", [None, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_weight_step_reads_nothing(
    network: nn.Module,
    nothing_is_read: NothingIsRead,
    make: Callable[..., Optimizer],
    dtype: torch.dtype | None,
    parts: int,
) -> None:
    network.float()
    ((inputs, targets),) = make_batches(0, 1, torch.float32)
    scaler = GradScaler("cpu", init_scale=1.0) if dtype == torch.float16 else None
    readings = Readings(every=2)
    execution = Execution(autocast=dtype, scaler=scaler, micro_batches=parts, readings=readings)
    optimizer = make(weight_parameters(network), fused=True)
    head = weight_parameters(network)[-1]
    before = head.detach().clone()
    losses: list[float] = []
    with nothing_is_read:
        for _ in range(3):
            result = weight_step(
                network, inputs, targets, paths=PATHS, loss=cross_entropy, optimizer=optimizer, execution=execution
            )
            readings.then([result.loss], losses.append)
    assert losses == []
    readings.read()
    assert len(losses) == 3
    assert not torch.equal(head, before)


class Root(nn.Module):
    """The root of 0, as from a norm of nothing, has an infinite slope."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight.sqrt()


class Rebinding(nn.Module):
    """Keeps the last mean in a buffer that it binds anew."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        self.mean = x.mean().detach()
        return x


@pytest.mark.parametrize("fused", [False, True], ids=["plain", "fused"])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("fault", ["loss", "gradient"])
@pytest.mark.parametrize("rebinds", [False, True], ids=["", "buffers bound anew"])
def test_a_step_that_is_not_finite_changes_nothing_nor_does_any_after_it_until_it_is_told(
    network: nn.Module, make: Callable[..., Optimizer], fault: str, fused: bool, rebinds: bool
) -> None:
    root = Root()
    mixed_ops(network)[1].candidates[1] = root
    if rebinds:
        network.stem.append(Rebinding())
    optimizer = make(weight_parameters(network), fused=fused)
    readings = Readings(every=100)
    batch, other = make_batches(0, 2)

    def take(paths: Sequence[SinglePath], batch: Batch) -> object:
        """All that there is after a step."""
        weight_step(
            network,
            *batch,
            paths=paths,
            loss=cross_entropy,
            optimizer=optimizer,
            execution=Execution(readings=readings),
        )
        return bits([network.state_dict(), optimizer.state_dict()["state"]])

    take(PATHS, batch)
    take(OTHER_PATHS, batch)
    readings.read()
    if fault == "gradient":
        with torch.no_grad():
            root.weight.zero_()
    before = bits([network.state_dict(), optimizer.state_dict()["state"]])
    what = "a gradient or a running statistic is not finite" if fault == "gradient" else "the loss is nan"
    assert take(PATHS, (torch.full_like(batch[0], torch.nan), batch[1]) if fault == "loss" else other) == before
    assert take(OTHER_PATHS, other) == before
    with pytest.raises(DivergenceError, match=f"^{what} on the paths 0 1$"):
        readings.read()
    assert take(OTHER_PATHS, other) != before
    readings.read()


def test_a_scaled_step_that_is_not_finite_changes_nothing_but_the_scale(network: nn.Module) -> None:
    """While one whose gradients overflow is left out and no error, read or not."""
    network.float()
    optimizer = make_sgd(weight_parameters(network), fused=True)
    scaler, readings = GradScaler("cpu", init_scale=2.0**10), Readings(every=100)
    batch, other = make_batches(0, 2, torch.float32)

    def take(batch: Batch) -> object:
        execution = Execution(autocast=torch.float16, scaler=scaler, readings=readings)
        weight_step(network, *batch, paths=PATHS, loss=cross_entropy, optimizer=optimizer, execution=execution)
        return bits([list(network.parameters()), optimizer.state_dict()["state"]])

    before = take(batch)
    scaler.update(2.0**40)
    assert take(other) == before
    readings.read()
    scaler.update(2.0**10)
    before, buffers = take(batch), bits(list(network.buffers()))
    assert take((torch.full_like(batch[0], torch.nan), batch[1])) == before
    assert take(other) == before
    assert bits(list(network.buffers())) == buffers
    with pytest.raises(DivergenceError, match=r"^the loss is nan on the paths 0 1$"):
        readings.read()


def test_what_is_to_be_read_keeps_no_graph() -> None:
    class Kept:
        pass

    kept: list[weakref.ref[Kept]] = []

    def pack(tensor: Tensor) -> Kept:
        new = Kept()
        kept.append(weakref.ref(new))
        return new

    readings, x = Readings(every=10), torch.ones(3, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda new: x):
        losses = [x.square().sum(), x.square().sum()]
    readings.then(losses[:1], lambda number: None)
    readings.check(losses[1], lambda number: DivergenceError(str(number)))
    assert kept
    assert all(one() is not None for one in kept)
    del losses
    assert all(one() is None for one in kept)


@pytest.mark.parametrize("every", [0, -1, 1.5])
def test_steps_between_readings_are_whole_and_positive(network: nn.Module, every: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="every"):
        make_search(network, read_every=every)


def make_search(network: nn.Module, *, read_every: int, **options: Any) -> ProxylessNAS:
    config = SearchConfig(warmup_epochs=1, epochs=1, arch_interval=2, alpha_lr=0.1, **options)
    return ProxylessNAS(
        copy.deepcopy(network), config, generator=torch.Generator().manual_seed(5), read_every=read_every
    )


@pytest.mark.parametrize(("gate", "precision"), [("exact", "float32"), ("two-path", "float32"), ("exact", "float16")])
def test_a_search_comes_out_the_same_however_seldom_it_is_read(network: nn.Module, gate: str, precision: str) -> None:
    network.float()

    def outcome(read_every: int) -> object:
        search = make_search(network, read_every=read_every, gate=gate, precision=precision)
        while search.epochs_left:
            search.run_epoch(make_batches(0, 5, torch.float32), make_batches(1, 2, torch.float32))
        return bits(search.state_dict()), search.history

    at_once = outcome(1)
    assert outcome(2) == at_once
    assert outcome(50) == at_once


def test_a_search_reads_all_at_once_and_every_so_many_steps(
    network: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[int, int]] = []
    search = make_search(network, read_every=3)
    on_cpu = readings_module.on_cpu

    def count(tensors: Sequence[Tensor]) -> list[Tensor]:
        read.append((search.step, len(tensors)))
        return on_cpu(tensors)

    monkeypatch.setattr(readings_module, "on_cpu", count)
    search.run_epoch(make_batches(0, 7), make_batches(1, 1))
    # Of every step: the loss that is checked, the largest gradient, and loss and score for the record.
    assert read == [(3, 12), (6, 12), (7, 4)]


def test_nothing_is_saved_after_a_step_that_was_not_finite(network: nn.Module, tmp_path: Path) -> None:
    search, path = make_search(network, read_every=50), tmp_path / "search.pt"
    train = make_batches(0, 6)
    train[3][0].fill_(torch.nan)

    def save() -> None:
        if search.step in (2, 5):
            search.save(path)

    where = r"^the loss is nan on the paths \d \d, epoch 0, weight step 3; the last good checkpoint is .*search\.pt: "
    with pytest.raises(DivergenceError, match=where):
        search.run_epoch(train, make_batches(1, 1), on_step=save)
    assert load_checkpoint(path, kind="search")["step"] == 2
    search.resume(path)
    assert search.run_epoch(make_batches(0, 6), make_batches(1, 1)).epoch == 0


@pytest.mark.parametrize("part", ["weights", "architecture"])
def test_steps_that_come_after_one_that_was_not_finite_do_not_count(network: nn.Module, part: str) -> None:
    def counted(read_every: int) -> int:
        search = make_search(network, read_every=read_every)
        train, validation = make_batches(0, 8), make_batches(1, 4)
        search.run_epoch(train, validation)
        (train[5] if part == "weights" else validation[1])[0].fill_(torch.nan)
        with pytest.raises(DivergenceError):
            search.run_epoch(train, validation)
        return search.step

    # An architecture step comes after every two weight steps.
    assert [counted(read_every) for read_every in (1, 3, 50)] == [5 if part == "weights" else 4] * 3


def test_what_was_not_read_is_forgotten_with_the_state_that_it_came_from(network: nn.Module) -> None:
    search = make_search(network, read_every=50)
    state = search.state_dict()
    train = make_batches(0, 3)
    train[0][0].fill_(torch.nan)

    def go_back() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search.run_epoch(train, make_batches(1, 1), on_step=go_back)
    search.load_state_dict(state)
    expected = make_search(network, read_every=1)
    for one in (search, expected):
        one.generator.manual_seed(3)
        one.run_epoch(make_batches(0, 3), make_batches(1, 1))
    assert bits(search.state_dict()) == bits(expected.state_dict())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("dtype", [None, torch.bfloat16, torch.float16], ids=str)
def test_a_weight_step_on_a_gpu_waits_for_nothing(network: nn.Module, dtype: torch.dtype | None) -> None:
    network.float().cuda()
    inputs, targets = (part.cuda() for part in make_batches(0, 1, torch.float32)[0])
    scaler = GradScaler("cuda") if dtype == torch.float16 else None
    readings = Readings(every=100)
    execution = Execution(autocast=dtype, scaler=scaler, readings=readings)
    optimizer = make_sgd(weight_parameters(network), fused=True)

    def take(images: Tensor) -> None:
        weight_step(network, images, targets, paths=PATHS, loss=cross_entropy, optimizer=optimizer, execution=execution)

    take(inputs)
    readings.read()
    nans = torch.full_like(inputs, torch.nan)
    torch.cuda.set_sync_debug_mode("error")
    try:
        take(inputs)
        before = copy.deepcopy([*network.parameters(), *network.buffers()])
        take(nans)
        take(inputs)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    after = [*network.parameters(), *network.buffers()]
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))
    with pytest.raises(DivergenceError, match=r"^the loss is nan on the paths 0 1$"):
        readings.read()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("wrong", [torch.nan, torch.inf, -torch.inf])
def test_a_gpu_finds_one_number_that_is_not_finite_among_many(wrong: float) -> None:
    """The largest of several tensors, which the decision rests on, keeps a NaN."""
    tensors = [torch.randn(size, device="cuda") for size in (1, 3000, 100_003, 7)]
    for tensor, place in ((tensors[1], 2999), (tensors[2], 70_000), (tensors[0], 0)):
        number = tensor[place].clone()
        tensor[place] = wrong
        assert not torch.nn.utils.get_total_norm(tensors, torch.inf).isfinite()
        tensor[place] = number
    assert torch.nn.utils.get_total_norm(tensors, torch.inf).isfinite()
