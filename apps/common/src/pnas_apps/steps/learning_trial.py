"""A few steps of a search and of a training, taken to see how long they are. What they change is thrown away."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from attrs import evolve, frozen

from pnas_apps.ground.memory import process_peak_bytes
from pnas_apps.steps.pace import Pace, ticks_of
from pnas_apps.training.training import Training
from pnas_ops import Batches
from pnas_supernet import ProxylessNAS, SearchConfig, tuned

_LEAST = 4
"""Steps that are taken, however long they are."""
FORWARD = 3
"""Passes forward that take as long as a step."""


@frozen(kw_only=True)
class SearchTrial:
    """What a search takes.

    Attributes:
        pace: of its steps, timed with the reading of their batches.
        memory_bytes: at most, with all that the program needs: of the GPU where it learns there, or of the process.
        state_bytes: of a checkpoint.
    """

    pace: Pace
    memory_bytes: float
    state_bytes: float


@frozen(kw_only=True)
class TrainingTrial:
    """The cost of a net's training, from a few steps of it.

    Attributes:
        step_s: of a step, with the reading of its batch.
        memory_bytes, state_bytes: as those of a search.
    """

    step_s: float
    memory_bytes: float
    state_bytes: float

    def training_s(self, epochs: int, batches: int, test_batches: int) -> float:
        """Seconds of a training, with the forward passes for statistics and over the test images."""
        return self.step_s * (epochs * batches + (batches + test_batches) / FORWARD)


def try_search(
    search: ProxylessNAS,
    weights: Batches,
    alpha: Batches,
    device: torch.device,
    *,
    seconds: float,
    tell: Callable[[float], None],
) -> SearchTrial:
    """Steps of either kind, for so many seconds and no fewer than a few.

    Args:
        search: has not begun, of one epoch of either phase, with an architecture step for each weight step.
        weights, alpha: batches that either learns on.
        device: where it learns.
        seconds: in all.
        tell: is given the share that is done, after each step.
    """

    def steps(on_step: Callable[[], None]) -> None:
        search.run_epoch(TimedBatches(weights, seconds / 2), alpha, on_step=on_step)

    _count_memory_anew(device)
    with tuned(device):
        weights_s = _step_s(steps, device, lambda seconds_done: tell(seconds_done / seconds))
        both_s = _step_s(steps, device, lambda seconds_done: tell(0.5 + seconds_done / seconds))
    pace = Pace(reading_s=0.0, weights_s=weights_s, both_s=max(both_s, weights_s))
    return SearchTrial(pace=pace, memory_bytes=_memory_bytes(device), state_bytes=_bytes_of(search.state_dict()))


def try_training(
    training: Training, batches: Batches, device: torch.device, *, seconds: float, tell: Callable[[float], None]
) -> TrainingTrial:
    """Steps of a training that has not begun, for so many seconds and no fewer than a few; `tell` as `try_search`."""

    def steps(on_step: Callable[[], None]) -> None:
        training.run_epoch(TimedBatches(batches, seconds), on_step=on_step)

    _count_memory_anew(device)
    with tuned(device):
        step_s = _step_s(steps, device, lambda seconds_done: tell(seconds_done / seconds))
    return TrainingTrial(
        step_s=step_s, memory_bytes=_memory_bytes(device), state_bytes=_bytes_of(training.state_dict())
    )


def to_try(config: SearchConfig) -> SearchConfig:
    """A search as `try_search` takes it."""
    return evolve(config, warmup_epochs=1, epochs=1, arch_interval=1)


class TimedBatches:
    """The first of some batches, read when they are asked for, until the time is up."""

    def __init__(self, batches: Batches, seconds: float) -> None:
        self._batches, self._seconds = batches, seconds

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        end = time.perf_counter() + self._seconds
        for count, batch in enumerate(self._batches):
            if count >= _LEAST and time.perf_counter() > end:
                return
            yield batch


def _step_s(
    steps: Callable[[Callable[[], None]], None], device: torch.device, tell_seconds: Callable[[float], None]
) -> float:
    """Mean seconds of a step. Not of the first third: kernels are chosen in it, and what was read before is used up."""
    began = time.perf_counter()

    def told_steps(after_step: Callable[[], None]) -> None:
        def after() -> None:
            after_step()
            tell_seconds(time.perf_counter() - began)

        steps(after)

    ticks = [began, *ticks_of(told_steps, device)]
    late = ticks[len(ticks) // 3 :]
    return (late[-1] - late[0]) / (len(late) - 1)


def _count_memory_anew(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def _memory_bytes(device: torch.device) -> float:
    if device.type == "cuda":
        # What CUDA graphs work with is theirs for good, and counts as allocated only while they are captured.
        return float(torch.cuda.max_memory_reserved(device))
    return process_peak_bytes()


def _bytes_of(state: object) -> float:
    """Bytes of all tensors in it."""
    if isinstance(state, torch.Tensor):
        return float(state.nbytes)
    parts = state.values() if isinstance(state, dict) else state if isinstance(state, list | tuple) else ()
    return sum(map(_bytes_of, parts), 0.0)
