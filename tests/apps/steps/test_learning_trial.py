"""What steps of a search and of a training are found to take of a GPU: pretended, since none is here."""

from typing import Any

import pytest
import torch

from pnas_apps.steps.learning_trial import try_training

GPU = torch.device("cuda")


class Learning:
    """A training whose steps take a GPU's memory."""

    def __init__(self, memory: "Memory", *, taken: int) -> None:
        self._memory, self._taken = memory, taken

    def run_epoch(self, batches: Any, *, on_step: Any) -> None:
        for _ in batches:
            self._memory.peak = max(self._memory.peak, self._taken)
            on_step()

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"weights": torch.zeros(3)}


class Memory:
    """Counts bytes as PyTorch does."""

    peak = 0

    def reset(self, device: torch.device) -> None:
        self.peak = 0


def test_the_memory_of_a_gpu_is_that_of_the_trial_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory()
    for name, stand_in in (
        ("synchronize", lambda device: None),
        ("empty_cache", lambda: None),
        ("reset_peak_memory_stats", memory.reset),
        ("max_memory_reserved", lambda device: memory.peak),
        ("max_memory_allocated", lambda device: memory.peak // 2),  # without that of CUDA graphs
    ):
        monkeypatch.setattr(torch.cuda, name, stand_in)
    batches = [(torch.zeros(1), torch.zeros(1))] * 5
    found = [
        try_training(Learning(memory, taken=taken), batches, GPU, seconds=1e-6, tell=lambda share: None)  # type: ignore[arg-type]
        for taken in (7_000, 4_000)
    ]
    assert [trial.memory_bytes for trial in found] == [7_000, 4_000]
