"""Paths are drawn from a copy of alpha on the CPU that is fetched in one transfer, and only after alpha has changed."""

import copy
import pickle
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from bits import bits
from pnas_supernet import (
    GateStep,
    ProxylessNAS,
    SearchConfig,
    alpha_parameters,
    mixed_ops,
    sample_paths,
    sample_single,
    sample_two_path_gate,
)
from pnas_supernet.gates import known_alphas as known_alphas_module
from pnas_supernet.gates.sampling import known_alphas
from pnas_supernet.gates.transfers import on_cpu, put_back

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The CPU stands in for a GPU: what is fetched is a copy, and how many tensors were is noted."""
    counts: list[int] = []

    def fetch(tensors: Sequence[Tensor]) -> list[Tensor]:
        counts.append(len(tensors))
        return [tensor.detach().clone() for tensor in tensors]

    monkeypatch.setattr(known_alphas_module, "on_cpu", fetch)
    return counts


def make_search(network: nn.Module, **options: Any) -> ProxylessNAS:
    config = SearchConfig(warmup_epochs=1, epochs=2, arch_interval=2, alpha_lr=1.0, **options)
    return ProxylessNAS(copy.deepcopy(network), config, generator=torch.Generator().manual_seed(5))


def run(search: ProxylessNAS) -> Any:
    generator = torch.Generator().manual_seed(1)
    batches = [
        (
            torch.randn(4, 3, 8, 8, dtype=torch.float64, generator=generator),
            torch.randint(5, (4,), generator=generator),
        )
        for _ in range(6)
    ]
    while search.epochs_left:
        search.run_epoch(batches[:5], batches[5:])
    return bits(search.state_dict())


def test_alphas_are_fetched_together_and_again_only_when_one_has_changed(
    network: nn.Module, fetched: list[int]
) -> None:
    generator = torch.Generator().manual_seed(0)
    with known_alphas(network) as known:
        for _ in range(3):
            sample_paths(network, sample_single, generator)
        assert fetched == [2]
        first, second = alpha_parameters(network)
        with torch.no_grad():
            second.copy_(torch.tensor([-torch.inf, -torch.inf, 0.0, -torch.inf]))
        assert sample_paths(network, sample_single, generator)[1].members == (2,)
        second.data = torch.tensor([0.0, -torch.inf, -torch.inf, -torch.inf], dtype=torch.float64)
        assert sample_paths(network, sample_single, generator)[1].members == (0,)
        assert fetched == [2] * 3
        optimizer = torch.optim.SGD([first], lr=1e4, fused=True)
        first.grad = torch.tensor([1.0, 1.0, 1.0, -1.0], dtype=torch.float64)
        optimizer.step()  # which PyTorch does not count
        known.forget()
        assert sample_paths(network, sample_single, generator)[0].members == (3,)
    sample_paths(network, sample_single, generator)
    assert fetched == [2] * 4


@pytest.mark.parametrize("gate", ["exact", "two-path"])
def test_a_search_draws_the_same_paths_from_copies_which_it_renews_after_every_architecture_step(
    network: nn.Module, fetched: list[int], monkeypatch: pytest.MonkeyPatch, gate: str
) -> None:
    from_copies = run(make_search(network, gate=gate))
    # Once in each of three epochs, and after the two architecture steps of the last two.
    assert fetched == [2] * (3 + 2 * 2)
    monkeypatch.undo()
    assert run(make_search(network, gate=gate)) == from_copies


def test_an_architecture_step_of_ones_own_is_seen_too(
    network: nn.Module, fetched: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It steps with the fused optimizer by itself."""

    class Preferring(GateStep):
        def __call__(self, network: nn.Module, *batch: Any, **options: Any) -> Any:
            result = super().__call__(network, *batch, **options)
            for alpha in alpha_parameters(network):
                alpha.grad = torch.tensor([1.0, 1.0, -1.0, 1.0], dtype=torch.float64)
            options["optimizer"].step()
            return result

    def outcome() -> Any:
        search = make_search(network)
        search.arch_step = Preferring(sample_two_path_gate)
        return run(search)

    from_copies = outcome()
    assert fetched == [2] * (3 + 2 * 2)
    monkeypatch.undo()
    assert outcome() == from_copies


def test_a_cpu_copies_nothing(network: nn.Module) -> None:
    alphas = alpha_parameters(network)
    for alpha, value in zip(alphas, on_cpu(alphas), strict=True):
        assert value.data_ptr() == alpha.data_ptr()
        assert not value.requires_grad


def test_copies_of_a_network_and_its_state_know_nothing(network: nn.Module) -> None:
    names = network.state_dict().keys()
    with known_alphas(network):
        sample_paths(network, sample_single, torch.Generator())
        for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
            assert all(op._known_alphas is None for op in mixed_ops(other))
            assert all(op._known_alphas is not None for op in mixed_ops(network))
        assert network.state_dict().keys() == names
    assert all(op._known_alphas is None for op in mixed_ops(network))


class Transfers(TorchDispatchMode):
    """Counts what crosses from a GPU to the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.device.type == "cpu":
            self.count += any(isinstance(given, Tensor) and given.device.type != "cpu" for given in args)
        return result


def test_tensors_of_a_gpu_are_fetched_in_one_transfer() -> None:
    """On pretended tensors, which have a device, and no content."""
    shapes = [(3,), (), (2, 2)]
    with FakeTensorMode(), Transfers() as transfers:
        types = (torch.float32, torch.bfloat16, torch.float64)
        away = [torch.empty(shape, dtype=dtype, device="cuda") for shape, dtype in zip(shapes, types, strict=True)]
        here = torch.empty(5)
        fetched = on_cpu([away[0], here, *away[1:]])
    assert transfers.count == 1
    assert [tuple(value.shape) for value in fetched] == [(3,), (5,), (), (2, 2)]
    assert [value.dtype for value in fetched] == [torch.float32, torch.float32, torch.bfloat16, torch.float64]
    assert {value.device.type for value in fetched} == {"cpu"}


@GPU
@pytest.mark.gpu
def test_what_crosses_from_a_gpu_and_back_is_what_it_was() -> None:
    values = [torch.randn(3), torch.randn((), dtype=torch.float64), torch.randn(2, 2).bfloat16()]
    away = [value.cuda() for value in values]
    fetched = on_cpu(away)
    assert bits(fetched) == bits(values)
    torch.cuda.set_sync_debug_mode("error")
    try:
        put_back(away, [value + 1 for value in fetched])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert bits([tensor.cpu() for tensor in away]) == bits([value + 1 for value in values])
