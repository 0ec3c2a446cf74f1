"""Several aims over one set of weights: against a search of one, and against a loop written by hand."""

import copy
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bits import bits
from pnas_supernet import (
    CheckpointError,
    GateStep,
    ProxylessNAS,
    ProxylessSweep,
    SearchConfig,
    alpha_parameters,
    arch_step,
    load_checkpoint,
    mixed_ops,
    sample_paths,
    sample_single,
    sample_uniform,
    seeded,
    weight_parameters,
    weight_step,
)
from random_batches import random_batches

STEPS = 5
OWN = ("others", "turn")
"""What the state of a sweep has more than that of a search."""


def config(**options: Any) -> SearchConfig:
    return SearchConfig(**{"warmup_epochs": 1, "epochs": 2, "arch_interval": 2, "alpha_lr": 0.1} | options)


class Prefers:
    """What alpha minimizes where all candidates but one are dear, and dearer after every step."""

    def __init__(self, candidate: int, *, weight: float = 0.1) -> None:
        self.candidate, self.weight = candidate, weight

    def __call__(self, loss: Tensor, probs: Sequence[Tensor]) -> Tensor:
        return loss + self.weight * torch.stack([1 - p[self.candidate] for p in probs]).sum()

    def adapt(self, probs: Sequence[Tensor]) -> None:
        self.weight *= 1.5

    def state_dict(self) -> dict[str, Any]:
        return {"weight": self.weight}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weight = state["weight"]


def make_sweep(network: nn.Module, aims: int, *, recorded: bool = False, **options: Any) -> ProxylessSweep:
    found = config(**options)
    return ProxylessSweep(
        copy.deepcopy(network),
        found,
        arch_steps=[GateStep(found.gate_sampler, Prefers(aim)) for aim in range(aims)],
        generator=torch.Generator().manual_seed(5),
        recorded=recorded,
    )


def finish(search: ProxylessNAS, on_step: Callable[[], None] | None = None) -> Any:
    """Runs the search to its end and returns all that it holds."""
    while search.epochs_left:
        epoch = len(search.history)
        search.run_epoch(random_batches(epoch, STEPS), random_batches(100 + epoch, 2), on_step=on_step)
    return bits(search.state_dict())


@pytest.mark.parametrize("gate", ["exact", "two-path"])
def test_a_sweep_of_one_aim_is_the_search(dropping_network: nn.Module, gate: str) -> None:
    sweep = make_sweep(dropping_network, 1, gate=gate)
    search = ProxylessNAS(
        copy.deepcopy(dropping_network),
        sweep.config,
        arch_step=GateStep(sweep.config.gate_sampler, Prefers(0)),
        generator=torch.Generator().manual_seed(5),
    )
    expected = finish(search)
    found = finish(sweep)
    assert {part: found[part] for part in found.keys() - set(OWN)} == expected
    assert bits(sweep.search_state(0)) == expected


def test_searches_that_are_saved_together_are_whole_alone_and_hold_their_weights_once(
    dropping_network: nn.Module, tmp_path: Path
) -> None:
    sweep = make_sweep(dropping_network, 3)
    finish(sweep)
    expected = [bits(sweep.search_state(index)) for index in range(3)]
    paths = {index: tmp_path / f"{index}" / "search.pt" for index in (0, 2, 1)}
    for path in paths.values():
        path.parent.mkdir()
    sweep.save_searches(paths)
    commons = [path.with_name("search.common.pt") for path in paths.values()]
    assert len({common.stat().st_ino for common in commons}) == 1
    shutil.copytree(tmp_path / "2", tmp_path / "copy")
    shutil.rmtree(tmp_path / "0")
    for index, folder in ((1, "1"), (2, "2"), (2, "copy")):
        assert bits(load_checkpoint(tmp_path / folder / "search.pt", kind="search")) == expected[index]
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == ["search.common.pt", "search.pt"]
    search = ProxylessNAS(
        copy.deepcopy(dropping_network),
        sweep.config,
        arch_step=GateStep(sweep.config.gate_sampler, Prefers(0)),
        generator=torch.Generator(),
    )
    assert search.resume(paths[2])
    assert bits(search.state_dict()) == expected[2]


def by_hand(
    network: nn.Module, found: SearchConfig, aims: int
) -> tuple[dict[str, Tensor], list[list[Tensor]], list[list[list[float]]]]:
    """What a loop that copies values into one set of alphas ends with.

    Returns:
        The weights, the alphas of each aim, and the losses of its architecture steps in every epoch.
    """
    network = copy.deepcopy(network).train()
    alphas, generator = alpha_parameters(network), torch.Generator().manual_seed(5)
    values = [[alpha.detach().clone() for alpha in alphas] for _ in range(aims)]
    of_weights = torch.optim.SGD(
        weight_parameters(network),
        lr=found.weight_lr,
        momentum=found.weight_momentum,
        weight_decay=found.weight_decay,
        nesterov=True,
    )
    for weight in weight_parameters(network):
        of_weights.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
    of_alphas = [torch.optim.Adam(alphas, lr=found.alpha_lr, betas=found.alpha_betas) for _ in range(aims)]
    loss = nn.CrossEntropyLoss(label_smoothing=found.label_smoothing)
    objectives = [Prefers(aim) for aim in range(aims)]
    seen: list[list[list[float]]] = [[] for _ in range(aims)]

    def use(aim: int) -> None:
        for alpha, value in zip(alphas, values[aim], strict=True):
            alpha.detach().copy_(value)

    def draws() -> Any:
        return seeded(int(torch.randint(2**62, (), generator=generator)), torch.device("cpu"))

    turn = 0
    for epoch in range(found.warmup_epochs + found.epochs):
        rounds = 0
        for of_aim in seen:
            of_aim.append([])
        for step, (inputs, targets) in enumerate(random_batches(epoch, STEPS)):
            use(turn % aims)
            of_weights.param_groups[0]["lr"] = found.weight_lr_at(epoch + step / STEPS)
            sampler = sample_uniform if epoch < found.warmup_epochs else sample_single
            paths = sample_paths(network, sampler, generator)
            with draws():
                weight_step(network, inputs, targets, paths=paths, loss=loss, optimizer=of_weights)
            turn += epoch >= found.warmup_epochs
            if epoch >= found.warmup_epochs and (step + 1) % found.arch_interval == 0:
                inputs, targets = random_batches(100 + epoch, 2)[rounds % 2]
                rounds += 1
                for aim in range(aims):
                    use(aim)
                    with draws():
                        result = arch_step(
                            network,
                            inputs,
                            targets,
                            paths=sample_paths(network, found.gate_sampler, generator),
                            loss=loss,
                            optimizer=of_alphas[aim],
                            objective=objectives[aim],
                        )
                    objectives[aim].adapt([])
                    seen[aim][epoch].append(float(result.loss))
                    values[aim] = [alpha.detach().clone() for alpha in alphas]
    return {name: tensor for name, tensor in network.state_dict().items() if "alpha" not in name}, values, seen


@pytest.mark.parametrize("gate", ["exact", "two-path"])
def test_the_steps_of_each_aim_are_those_of_a_loop_by_hand(network: nn.Module, gate: str) -> None:
    sweep = make_sweep(network.float(), 2, gate=gate)
    finish(sweep)
    weights, values, losses = by_hand(network.float(), sweep.config, 2)
    found = sweep.network.state_dict()
    for name, expected in weights.items():
        torch.testing.assert_close(found[name], expected, rtol=1e-5, atol=1e-6)
    for alphas, own in zip(sweep.alphas, values, strict=True):
        for alpha, value in zip(alphas, own, strict=True):
            torch.testing.assert_close(alpha.detach(), value, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(values[0][0], values[1][0], atol=0.01)
    for history, of_epochs in zip(sweep.histories, losses, strict=True):
        assert history[0].validation_loss is None
        found_losses = [record.validation_loss for record in history[1:]]
        assert found_losses == pytest.approx(list(map(mean, of_epochs[1:])), rel=1e-5)


def test_an_architecture_step_changes_the_alpha_of_its_aim_alone(network: nn.Module) -> None:
    changed: list[list[bool]] = []

    class Watched(GateStep):
        def __call__(self, *arguments: Any, **options: Any) -> Any:
            before = bits(sweep.alphas)
            result = super().__call__(*arguments, **options)
            changed.append([one != other for one, other in zip(bits(sweep.alphas), before, strict=True)])
            return result

    found = config(warmup_epochs=0, epochs=1)
    sweep = ProxylessSweep(
        network.float(),
        found,
        arch_steps=[Watched(found.gate_sampler) for _ in range(3)],
        generator=torch.Generator().manual_seed(0),
    )
    finish(sweep)
    assert changed == [[True, False, False], [False, True, False], [False, False, True]] * (STEPS // 2)


def test_each_aim_finds_its_own_net(network: nn.Module) -> None:
    found = config(warmup_epochs=0, epochs=4, arch_interval=1, alpha_lr=0.5)
    sweep = ProxylessSweep(
        network.float(),
        found,
        arch_steps=[GateStep(found.gate_sampler, Prefers(candidate, weight=100)) for candidate in (2, 0, 1)],
        generator=torch.Generator().manual_seed(0),
    )
    finish(sweep)
    for index, candidate in enumerate((2, 0, 1)):
        with sweep.aimed(index):
            assert [int(op.alpha.argmax()) for op in mixed_ops(sweep.network)] == [candidate] * 2
        last = sweep.histories[index][-1]
        assert [row.index(max(row)) for row in last.probs] == [candidate] * 2
        assert last.entropy < 0.9


def test_weight_steps_take_turns_over_epochs_and_where_they_go_on(network: nn.Module, tmp_path: Path) -> None:
    """Each aim is sure of another candidate, which says whose turn it was."""

    def decided() -> ProxylessSweep:
        sweep = make_sweep(network.float(), 3, arch_interval=1000)
        for aim, alphas in enumerate(sweep.alphas):
            for alpha in alphas:
                alpha.detach()[aim] = 1000.0
        sweep.network.register_forward_pre_hook(
            lambda network, inputs: seen.append(mixed_ops(network)[1]._active_path.members[0])
        )
        return sweep

    seen: list[int] = []
    whole = decided()
    finish(whole, lambda: whole.save(tmp_path / f"{len(seen)}.pt"))
    after_warm_up = seen[STEPS:]
    assert after_warm_up == [step % 3 for step in range(2 * STEPS)]
    resumed = decided()
    resumed.resume(tmp_path / f"{STEPS + 2}.pt")
    seen.clear()
    finish(resumed)
    assert seen == after_warm_up[2:]


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_resuming_after_any_step_equals_never_having_stopped(
    dropping_network: nn.Module, tmp_path: Path, precision: str
) -> None:
    options: dict[str, Any] = {"precision": precision, "epochs": 1}
    whole = make_sweep(dropping_network, 3, **options)
    checkpoints: list[Path] = []

    def save() -> None:
        checkpoints.append(tmp_path / f"{len(checkpoints)}.pt")
        whole.save(checkpoints[-1])

    expected = finish(whole, save)
    for checkpoint in checkpoints[STEPS - 1 :]:
        resumed = make_sweep(dropping_network, 3, **options)
        assert resumed.resume(checkpoint)
        assert finish(resumed) == expected
        assert resumed.histories == whole.histories


def test_recorded_candidates_serve_all_aims(network: nn.Module) -> None:
    sweeps = [make_sweep(network.float(), 2, recorded=recorded) for recorded in (False, True)]
    assert finish(sweeps[0]) == finish(sweeps[1])


def test_a_search_of_one_aim_goes_on_from_the_sweep(dropping_network: nn.Module) -> None:
    sweep = make_sweep(dropping_network, 2)
    sweep.run_epoch(random_batches(0, STEPS), random_batches(100, 2))
    sweep.run_epoch(random_batches(1, STEPS), random_batches(101, 2))
    state = sweep.search_state(1)
    search = ProxylessNAS(
        copy.deepcopy(dropping_network),
        sweep.config,
        arch_step=GateStep(sweep.config.gate_sampler, Prefers(1)),
        generator=torch.Generator(),
    )
    search.load_state_dict(state)
    assert bits(search.state_dict()) == bits(state)
    assert search.epochs_left == 1
    assert bits(alpha_parameters(search.network)) == bits(sweep.alphas[1])
    assert bits(alpha_parameters(search.network)) != bits(sweep.alphas[0])
    search.run_epoch(random_batches(2, STEPS), random_batches(102, 2))
    assert len(search.history) == 3
    assert len(sweep.histories[1]) == 2


def test_what_is_no_sweep_or_another_one_is_refused_and_nothing_changes(network: nn.Module, tmp_path: Path) -> None:
    network = network.float()
    step = GateStep(config().gate_sampler)
    for arch_steps, message in (([], "a sweep needs an aim"), ([step, step], "two aims have the same ArchStep")):
        with pytest.raises(ValueError, match=message):
            ProxylessSweep(network, config(), arch_steps=arch_steps, generator=torch.Generator())
    sweep = make_sweep(network, 2)
    before = bits(sweep.state_dict())
    make_sweep(network, 3).save(tmp_path / "three.pt")
    ProxylessNAS(network, config(), generator=torch.Generator()).save(tmp_path / "search.pt")
    broken = make_sweep(network, 2)
    for alpha in broken.alphas[1]:
        alpha.detach().fill_(torch.nan)
    state = broken.state_dict()
    for name, message in (
        ("three", "the number of aims is 2, was 3"),
        ("search", "a checkpoint of a search, not of a"),
    ):
        with pytest.raises(CheckpointError, match=message):
            sweep.resume(tmp_path / f"{name}.pt")
    with pytest.raises(ValueError, match="an aim's alpha is not finite"):
        sweep.load_state_dict(state)
    with pytest.raises(ValueError, match="its turn is 2"):
        sweep.load_state_dict(sweep.state_dict() | {"turn": 2})
    assert bits(sweep.state_dict()) == before
