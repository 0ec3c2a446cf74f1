"""All nets of a `NetworkSpace` in one: narrow ones are the first channels of the widest, shallow ones its first blocks.

The option of each choice flows through the network as a tensor, one-hot if a single option is taken. Masks are sums
over it. So the gradient of a gate is that of the loss with respect to its entry, through every use of the width and all
that follows (masks as in FBNetV2, arXiv 2004.05565; shared weights as in Once-for-All, arXiv 1908.09791).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.network_space import NetworkSpace
from pnas_ops.data.network_stage import NetworkStage
from pnas_ops.modules.layers import MBConv

Mix = Callable[[list[nn.Module]], nn.Module]
"""Makes one module of the options of one choice, such as `pnas_supernet.MixedOp`."""


class Option(nn.Module):
    """One option of a choice that is no operation: one-hot, with 1 at its index.

    Args:
        number: its index.
        count: how many options there are.
    """

    taken: Tensor

    def __init__(self, number: int, count: int) -> None:
        super().__init__()
        self.register_buffer("taken", torch.eye(count)[number], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Any input of the network to (count,)."""
        return self.taken

    @property
    def number(self) -> int:
        """Its index."""
        return int(self.taken.argmax())


class ElasticMBConv(nn.Module):
    """An MBConv of the largest widths that can also be used as a narrower one.

    Args:
        op: the operation.
        expansion: hidden channels per input channel; those of masked channels stay zero.
    """

    def __init__(self, op: MBConv, *, expansion: int) -> None:
        super().__init__()
        self.op = op
        self.expansion = expansion

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """An input (N, in, H, W) and the mask of its channels (in,) to (N, out, H / stride, W / stride)."""
        *hidden, project = self.op
        for layer in hidden:
            x = layer(x)
        return project(_masked(x, mask.repeat_interleave(self.expansion)))  # type: ignore[no-any-return]


class ElasticStage(nn.Module):
    """Blocks that can be cut to their first channels, and to the first blocks.

    Args:
        stage: the widths and depths.
        width, depth: each a mixture of the stage's `Option`s.
        blocks: each a mixture of `ElasticMBConv`s.
    """

    masks: Tensor
    reaches: Tensor

    def __init__(self, stage: NetworkStage, *, width: nn.Module, depth: nn.Module, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.width = width
        self.depth = depth
        self.blocks = nn.ModuleList(blocks)
        self.depths = stage.depths
        self.register_buffer("masks", _first_ones(stage.widths), persistent=False)
        self.register_buffer("reaches", _first_ones(stage.depths), persistent=False)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """An input (N, in, H, W) and the mask of its channels (in,) to the output and its mask."""
        width, depth = self.width(x), self.depth(x)
        # Not `@`, which autocast would compute in 16 bits.
        own, there = (width[:, None] * self.masks).sum(0), (depth[:, None] * self.reaches).sum(0)
        first, *others = self.blocks
        x = _masked(first(x, mask), own)
        # The CPU waits for the device to read this: an absent block is not run unless a gate needs its gradient.
        runs = [True] * len(self.blocks) if depth.requires_grad else [share != 0 for share in there.tolist()]
        for number, block in enumerate(others, 1):
            if runs[number]:
                x = x + _masked(block(x, own), own * there[number])
        return x, own


class ElasticNetwork(nn.Module):
    """All nets of a space in one, selected by the choices of its mixtures.

    Args:
        space: whose nets they are.
        resolution: a mixture of the `Option`s of its resolutions.
        stem: the first blocks.
        stages: its stages.
        head: the last block.
    """

    def __init__(
        self,
        space: NetworkSpace,
        *,
        resolution: nn.Module,
        stem: Sequence[nn.Module],
        stages: Sequence[ElasticStage],
        head: nn.Module,
    ) -> None:
        super().__init__()
        self.resolutions = space.resolutions
        self.resolution = resolution
        self.stem = nn.Sequential(*stem)
        self.stages = nn.ModuleList(stages)
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W), of any size, to (N, classes)."""
        x = self.stem(self._resized(x))
        mask = x.new_ones(x.shape[1])
        for stage in self.stages:
            x, mask = stage(x, mask)
        return self.head(x)  # type: ignore[no-any-return]

    def cut(self, architecture: Architecture, build: Callable[[Architecture], nn.Module]) -> nn.Module:
        """The net alone, with a copy of its part of the weights; each choice must have a single candidate by now.

        Args:
            architecture: the net.
            build: makes the net, with any weights.
        """
        wide: list[nn.Module] = [*self.stem]
        for stage in self.stages:
            assert isinstance(stage, ElasticStage)
            assert isinstance(stage.depth, Option)
            for block in stage.blocks[: stage.depths[stage.depth.number]]:
                assert isinstance(block, ElasticMBConv)
                wide.append(block.op)
        with torch.device("meta"):  # where weights are not drawn
            net = build(architecture)
        for narrow, block in zip(net, [*wide, self.head], strict=True):  # type: ignore[call-overload]
            _take_first(narrow.op if isinstance(block, MBConv) else narrow, block)
        return net.train(self.training)

    def _resized(self, x: Tensor) -> Tensor:
        """Images of the chosen resolution; its gate also sees those of the others, resized to the same size."""
        taken = self.resolution(x)
        shares = taken.tolist()  # the CPU waits for this
        size = self.resolutions[shares.index(max(shares))]
        seen = [
            share * _resize(_resize(x, resolution), size)
            for share, resolution, value in zip(taken.to(x.dtype), self.resolutions, shares, strict=True)
            if value or taken.requires_grad
        ]
        return torch.stack(seen).sum(0) if len(seen) > 1 else seen[0]


def _resize(x: Tensor, size: int) -> Tensor:
    if x.shape[-2:] == (size, size):
        return x
    return F.interpolate(x, (size, size), mode="bilinear", antialias=True)


def _masked(x: Tensor, mask: Tensor) -> Tensor:
    return x * mask.to(x.dtype)[:, None, None]


def _first_ones(counts: Sequence[int]) -> Tensor:
    """For each count a row of that many ones, then zeros: (counts, largest)."""
    return (torch.arange(max(counts)) < torch.tensor(counts)[:, None]).float()


def _take_first(narrow: nn.Module, wide: nn.Module) -> None:
    """Copies the leading part of a wide module's weights and statistics into a narrow one."""
    state = wide.state_dict()
    narrow.load_state_dict(
        {
            name: state[name][tuple(slice(length) for length in value.shape)].clone()
            for name, value in narrow.state_dict().items()
        },
        assign=True,
    )
