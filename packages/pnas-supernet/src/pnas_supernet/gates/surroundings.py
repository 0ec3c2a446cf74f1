"""What a module depends on besides its input: autocast, and the random state that dropout draws from."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from attrs import frozen
from torch import Tensor


@frozen(eq=False)
class Surroundings:
    """A snapshot of autocast and the random state of a device.

    Attributes:
        random_states: of the CPU and, if `device` is another, of that device.
    """

    device: torch.device
    autocast: torch.dtype | None
    random_states: tuple[Tensor, ...]

    @classmethod
    def of(cls, device: torch.device) -> "Surroundings":
        """The present surroundings."""
        enabled = torch.is_autocast_enabled(device.type)
        states = [torch.get_rng_state()]
        if device.type == "cuda":
            states.append(torch.cuda.get_rng_state(device))
        return cls(device, torch.get_autocast_dtype(device.type) if enabled else None, tuple(states))

    @contextmanager
    def restored(self) -> Iterator[None]:
        """In the `with` block autocast is that of the snapshot; after it, autocast and random state are as before."""
        devices = [self.device] if self.device.type == "cuda" else []
        with (
            torch.random.fork_rng(devices=devices),
            torch.autocast(self.device.type, dtype=self.autocast, enabled=self.autocast is not None),
        ):
            yield

    def restore_random_state(self) -> None:
        """Sets PyTorch's generators to the state of the snapshot."""
        torch.set_rng_state(self.random_states[0])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(self.random_states[1], self.device)


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """In the `with` block PyTorch's own generators, which dropout uses, start from `seed`.

    After it, they are as they were before.

    Args:
        seed: of the CPU's generator, and of the GPU's if there is one.
        device: a GPU that also draws; None, or a CPU, for none.
    """
    devices = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        for cuda in devices:
            with torch.cuda.device(cuda):
                torch.cuda.manual_seed(seed)
        yield
