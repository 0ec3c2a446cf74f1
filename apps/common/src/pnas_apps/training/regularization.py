"""What makes a net learn less by heart: paths and features that are dropped, examples that are mixed."""

import copy
from itertools import chain

import torch.distributed as dist
from torch import Tensor, nn
from torchvision.ops import StochasticDepth
from torchvision.ops import stochastic_depth as stochastic_depth_of
from torchvision.transforms import v2

from pnas_ops import Block, Classifier, Tree, TreeBlock, Zero


class DroppedBlock(Block):
    """A residual block of which `op` is left out for some images of a batch (Huang et al., arXiv 1603.09382).

    Args:
        op: as in `Block`.
        rate: share of the images, in training; those that it acts on are scaled by 1 / (1 - rate).
    """

    def __init__(self, op: nn.Module, rate: float) -> None:
        super().__init__(op, residual=True)
        self.drop = StochasticDepth(rate, "row")

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop(self.op(x))  # type: ignore[no-any-return]


def training_view(
    network: nn.Module,
    *,
    dropout: float = 0.0,
    stochastic_depth: float = 0.0,
    path_dropping: float = 0.0,
    synchronized_in: dist.ProcessGroup | None = None,
) -> nn.Module:
    """The same net as it is trained: another tree of modules around the same parameters and statistics.

    A step of the view is one of the network, which itself has nothing to take out again before it is judged or shipped.
    In evaluation mode both compute the same, and their `state_dict`s are equal.

    Args:
        network: of `pnas_ops` blocks; not changed. The view is in its mode.
        dropout: share of the features before the classifier's linear layer.
        stochastic_depth: drop rate of the last residual block; that of the l-th of L is l / L of it. A block of trees
            counts as one, of which the shortcut is left.
        path_dropping: drop rate of every edge of every tree (Larsson et al., arXiv 1605.07648).
        synchronized_in: processes over whose joined batch BatchNorm takes its statistics; CUDA only.

    Raises:
        ValueError: for dropout in a net that has no `Classifier`, and dropped paths in one that has no `Tree`.
    """
    # deepcopy takes what the memo holds for an object as its copy.
    memo: dict[int, object] = {id(tensor): tensor for tensor in chain(network.parameters(), network.buffers())}
    if dropout:
        heads = [module for module in network.modules() if isinstance(module, Classifier)]
        if not heads:
            raise ValueError("the network has no pnas_ops.Classifier for dropout")
        for flatten in (module for head in heads for module in head if isinstance(module, nn.Flatten)):
            # In the place of Flatten, which has no weights, it moves no name in the state_dict.
            memo[id(flatten)] = nn.Sequential(nn.Flatten(), nn.Dropout(dropout))
    if stochastic_depth:
        blocks = [module for module in network.modules() if _has_shortcut(module)]
        for number, block in enumerate(blocks, start=1):
            rate = stochastic_depth * number / len(blocks)
            match block:
                case TreeBlock():
                    # At the end of its body, it moves no name in the state_dict.
                    parts = [copy.deepcopy(part, memo) for part in block.body]
                    memo[id(block.body)] = nn.Sequential(*parts, StochasticDepth(rate, "row"))
                case Block():
                    memo[id(block)] = DroppedBlock(copy.deepcopy(block.op, memo), rate)
    view: nn.Module = copy.deepcopy(network, memo)
    if not network.training:  # what has been put into it is
        view.eval()
    if synchronized_in is not None:
        view = nn.SyncBatchNorm.convert_sync_batchnorm(view, synchronized_in)  # type: ignore[no-untyped-call]
    if path_dropping:
        _drop_paths(view, path_dropping)
    return view


def _drop_paths(view: nn.Module, rate: float) -> None:
    trees = [module for module in view.modules() if isinstance(module, Tree)]
    if not trees:
        raise ValueError("the network has no trees, whose paths could be dropped")

    def drop(edge: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        kept: Tensor = stochastic_depth_of(output, rate, "row", edge.training)
        return kept

    for edge in (edge for tree in trees for edge in tree.edges):
        edge.register_forward_hook(drop)  # moves no name in the state_dict


def _has_shortcut(module: nn.Module) -> bool:
    return isinstance(module, TreeBlock) or (
        isinstance(module, Block) and module.residual and not isinstance(module.op, Zero)
    )


def make_mixing(*, mixup: float, cutmix: float, classes: int) -> v2.Transform | None:
    """A function that mixes a batch: images (N, C, H, W), labels (N,) to images and class weights (N, classes).

    Draws from PyTorch's own generator.

    Args:
        mixup: alpha of the Beta distribution of how much of the other image is added (arXiv 1710.09412); 0 for never.
        cutmix: alpha of that of how much of the image is replaced by the other (arXiv 1905.04899); 0 for never. With
            both, each batch gets one of them.
        classes: how many.
    """
    ways: list[v2.Transform] = []
    if mixup:
        ways.append(v2.MixUp(alpha=mixup, num_classes=classes))
    if cutmix:
        ways.append(v2.CutMix(alpha=cutmix, num_classes=classes))
    return v2.RandomChoice(ways) if ways else None
