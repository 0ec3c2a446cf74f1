"""A small net of somebody else's, the space of its two places, and what makes its modules."""

import copy
from typing import cast

import torch
from torch import Tensor, nn

from pnas_ops import ModuleArchitecture, ModuleSpace, ModuleWorkload, Place, count_macs, count_parameters


class TinyNet(nn.Module):
    """Images 3x8x6 to a dict of logits and features; `mixing` gets its images channel-last, as in ConvNeXt."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.filtering: nn.Module = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.after = nn.Sequential(nn.BatchNorm2d(4), nn.ReLU())
        self.mixing: nn.Module = nn.Linear(4, 4)
        self.head = nn.Linear(4, 5)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """The logits, and what they are made of."""
        x = self.after(self.filtering(self.stem(images)))
        x = x + self.mixing(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return {"logits": self.head(x.mean((2, 3))), "features": x}


def _wide() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 16), nn.GELU(), nn.Linear(16, 4))


CANDIDATES: dict[str, dict[str, nn.Module]] = {
    "filtering": {
        "original": nn.Conv2d(4, 4, 3, padding=1, bias=False),
        "7x7": nn.Conv2d(4, 4, 7, padding=3, bias=False),
        "depthwise": nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False),
        "skip": nn.Identity(),
    },
    "mixing": {"original": nn.Linear(4, 4), "wide": _wide()},
}
"""What may stand at each place, by its title."""

_INPUTS = {"filtering": (1, 4, 8, 6), "mixing": (1, 8, 6, 4)}


def _workload(path: str, title: str, module: nn.Module) -> ModuleWorkload:
    shape = _INPUTS[path]
    if isinstance(module, nn.Identity):
        return ModuleWorkload(title=title, operators=(), input_shapes=(shape,))
    kernels = [part.kernel_size[0] for part in module.modules() if isinstance(part, nn.Conv2d)]
    return ModuleWorkload(
        title=title,
        operators=(repr(module),),
        input_shapes=(shape,),
        macs=count_macs(module, shape),
        parameters=count_parameters(module),
        kernel_size=max(kernels, default=1),
    )


def tiny_space() -> ModuleSpace:
    """The space: 4 candidates at "filtering", 2 at "mixing"."""
    images = (1, 3, 8, 6)
    rest = ModuleWorkload(title="rest", operators=("TinyNet",), input_shapes=(images,), macs=5204, parameters=145)
    places = [
        Place(path=path, candidates=tuple(_workload(path, title, module) for title, module in row.items()))
        for path, row in CANDIDATES.items()
    ]
    return ModuleSpace(name="tiny", rest=rest, places=tuple(places))


def build_tiny(key: ModuleWorkload | ModuleArchitecture) -> nn.Module:
    """A copy of a candidate, or a net with the candidates that stand at its places."""
    if isinstance(key, ModuleWorkload):
        by_workload = {_workload(path, *one): one[1] for path, row in CANDIDATES.items() for one in row.items()}
        return copy.deepcopy(by_workload[key])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = TinyNet()
    for place in key.places:
        setattr(net, place.path, copy.deepcopy(CANDIDATES[place.path][place.candidates[0].title]))
    return cast(nn.Module, net)
