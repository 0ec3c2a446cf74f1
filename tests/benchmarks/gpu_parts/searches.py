"""Small searches on random images that are where they are searched."""

from collections.abc import Iterator

import torch
import torch.distributed as dist
from attrs import frozen
from torch import Tensor

from benchmarks.gpu_parts.capturing import not_recorded
from pnas_ops import Space
from pnas_supernet import Precision, ProxylessNAS, SearchConfig, SuperNet, mixed_ops


@frozen(kw_only=True, eq=False)
class RandomBatches:
    """Normalized batches of random uint8 images, in an order that a seed fixes, and the half of them mirrored.

    Attributes:
        images: uint8, (N, 3, H, W).
        labels: (N,).
    """

    images: Tensor
    labels: Tensor
    batch_size: int
    seed: int

    @classmethod
    def of(
        cls, count: int, resolution: int, *, classes: int, batch_size: int, seed: int, device: torch.device
    ) -> "RandomBatches":
        """Of so many images, on a device."""
        generator = torch.Generator().manual_seed(seed)
        images = torch.randint(256, (count, 3, resolution, resolution), dtype=torch.uint8, generator=generator)
        labels = torch.randint(classes, (count,), generator=generator)
        return cls(images=images.to(device), labels=labels.to(device), batch_size=batch_size, seed=seed)

    def __len__(self) -> int:
        return len(self.images) // self.batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        device = self.images.device
        generator = torch.Generator(device).manual_seed(self.seed)
        order = torch.randperm(len(self.images), generator=generator, device=device)
        for part in order.split(self.batch_size)[: len(self)]:
            mirrored = torch.rand(len(part), 1, 1, 1, generator=generator, device=device) < 0.5
            images = self.images[part]
            images = torch.where(mirrored, images.flip(3), images).float().sub_(127.5).div_(64)
            yield images.contiguous(memory_format=torch.channels_last), self.labels[part]


def make_search(
    space: Space, config: SearchConfig, device: torch.device, *, group: dist.ProcessGroup | None = None
) -> ProxylessNAS:
    """A search that has not begun, the same each time."""
    supernet = SuperNet(space, generator=torch.Generator().manual_seed(0))
    supernet.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return ProxylessNAS(supernet, config, generator=torch.Generator().manual_seed(1), group=group, **not_recorded())


def small_config(precision: Precision) -> SearchConfig:
    """Of a few short epochs, whose rates are as high as in a search."""
    return SearchConfig(warmup_epochs=1, epochs=2, arch_interval=2, alpha_lr=0.02, precision=precision)


def taken_paths(search: ProxylessNAS) -> list[tuple[tuple[int, ...], ...]]:
    """Fills with the candidates that are run along each path that the search takes from now on."""
    taken: list[tuple[tuple[int, ...], ...]] = []
    ops = mixed_ops(search.network)
    search.network.register_forward_pre_hook(
        lambda network, inputs: taken.append(tuple(tuple(op._active_path.members) for op in ops))
    )
    return taken
