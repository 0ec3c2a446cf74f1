"""The nets of DARTS and NAS-Bench-201 as their papers describe them, without a line of what is tested."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)
"""As DARTS published it."""

ALL_CONVOLUTIONS = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
"""The largest net of NAS-Bench-201."""

Edges = Sequence[tuple[str, int]]


def copy_weights(source: nn.Module, target: nn.Module, images: Tensor) -> None:
    """Gives the layers of one net, in the order in which they are run, the weights and statistics of another's.

    Raises:
        ValueError: where they run other layers.
    """
    pairs = zip(_layers_run(source, images), _layers_run(target, images), strict=True)
    for number, (theirs, ours) in enumerate(pairs):
        if type(theirs) is not type(ours) or repr(theirs) != repr(ours):
            raise ValueError(f"layer {number} is {theirs} there, {ours} here")
        ours.load_state_dict(theirs.state_dict())


def randomize(network: nn.Module, seed: int) -> None:
    """Draws all parameters and statistics, so that none of them is what it is by default."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) * (1.0 if "var" in name else 0.5))


def _layers_run(network: nn.Module, images: Tensor) -> list[nn.Module]:
    found: list[nn.Module] = []

    def note(module: nn.Module, *_: Any) -> None:
        found.append(module)

    layers = [one for one in network.modules() if isinstance(one, nn.Conv2d | nn.BatchNorm2d | nn.Linear)]
    handles = [layer.register_forward_hook(note) for layer in layers]
    with torch.no_grad():
        network(images)
    for handle in handles:
        handle.remove()
    return found


def _relu_conv_norm(c_in: int, c_out: int, kernel: int, stride: int, padding: int) -> nn.Sequential:
    return nn.Sequential(nn.ReLU(), nn.Conv2d(c_in, c_out, kernel, stride, padding, bias=False), nn.BatchNorm2d(c_out))


def _depthwise(c: int, kernel: int, stride: int, padding: int, dilation: int) -> list[nn.Module]:
    return [
        nn.ReLU(),
        nn.Conv2d(c, c, kernel, stride, padding, dilation, groups=c, bias=False),
        nn.Conv2d(c, c, 1, bias=False),
        nn.BatchNorm2d(c),
    ]


class _Halved(nn.Module):
    """DARTS's factorized reduction."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(c_in, c_out // 2, 1, stride=2, bias=False)
        self.second = nn.Conv2d(c_in, c_out // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(x)
        return self.norm(torch.cat([self.first(x), self.second(x[:, :, 1:, 1:])], 1))


def _operation(name: str, c: int, stride: int) -> nn.Module:
    match name:
        case "max_pool_3x3":
            return nn.MaxPool2d(3, stride, padding=1)
        case "avg_pool_3x3":
            return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
        case "skip_connect":
            return nn.Identity() if stride == 1 else _Halved(c, c)
        case "sep_conv_3x3":
            return nn.Sequential(*_depthwise(c, 3, stride, 1, 1), *_depthwise(c, 3, 1, 1, 1))
        case "sep_conv_5x5":
            return nn.Sequential(*_depthwise(c, 5, stride, 2, 1), *_depthwise(c, 5, 1, 2, 1))
        case "dil_conv_3x3":
            return nn.Sequential(*_depthwise(c, 3, stride, 2, 2))
        case "dil_conv_5x5":
            return nn.Sequential(*_depthwise(c, 5, stride, 4, 2))
        case "nor_conv_1x1":
            return _relu_conv_norm(c, c, 1, stride, 0)
        case "nor_conv_3x3":
            return _relu_conv_norm(c, c, 3, stride, 1)
    raise ValueError(name)


class _DartsCell(nn.Module):
    def __init__(self, edges: Edges, c_before: int, c_in: int, c: int, *, reduces: bool, reduced: bool) -> None:
        super().__init__()
        self.prepare0 = _Halved(c_before, c) if reduced else _relu_conv_norm(c_before, c, 1, 1, 0)
        self.prepare1 = _relu_conv_norm(c_in, c, 1, 1, 0)
        # Both edges of a node in the order of what they take, so that layers are run in one order here and there.
        self.wiring = [edge for node in zip(edges[::2], edges[1::2], strict=True) for edge in sorted(node, key=_taken)]
        self.ops = nn.ModuleList(
            _operation(name, c, 2 if reduces and source < 2 else 1) for name, source in self.wiring
        )

    def forward(self, before: Tensor, x: Tensor) -> Tensor:
        states = [self.prepare0(before), self.prepare1(x)]
        for first in range(0, len(self.wiring), 2):
            one, other = (self.ops[i](states[self.wiring[i][1]]) for i in (first, first + 1))
            states.append(one + other)
        return torch.cat(states[2:], 1)


def _taken(edge: tuple[str, int]) -> int:
    return edge[1]


class DartsNet(nn.Module):
    """Section 3 and appendix A of arXiv 1806.09055, without the auxiliary classifier."""

    def __init__(self, normal: Edges, reduction: Edges, c: int, layers: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 3 * c, 3, padding=1, bias=False), nn.BatchNorm2d(3 * c))
        c_before, c_in, reduced = 3 * c, 3 * c, False
        cells = []
        for number in range(layers):
            reduces = number in (layers // 3, 2 * layers // 3)
            c = 2 * c if reduces else c
            edges = reduction if reduces else normal
            cells.append(_DartsCell(edges, c_before, c_in, c, reduces=reduces, reduced=reduced))
            c_before, c_in, reduced = c_in, 4 * c, reduces
        self.cells = nn.ModuleList(cells)
        self.classifier = nn.Linear(c_in, classes)

    def forward(self, x: Tensor) -> Tensor:
        before = x = self.stem(x)
        for cell in self.cells:
            before, x = x, cell(before, x)
        return self.classifier(x.mean((2, 3)))


class _NasBench201Cell(nn.Module):
    def __init__(self, names: Sequence[str], c: int) -> None:
        super().__init__()
        self.ops = nn.ModuleDict()
        for (end, start), name in zip(((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)), names, strict=True):
            if name != "none":
                self.ops[f"{start}to{end}"] = _operation(name, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        states = [x]
        for end in (1, 2, 3):
            total = torch.zeros_like(x)
            for start in range(end):
                if f"{start}to{end}" in self.ops:
                    total = total + self.ops[f"{start}to{end}"](states[start])
            states.append(total)
        return states[3]


class _Residual(nn.Module):
    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.downsample = nn.Sequential(nn.AvgPool2d(2, 2), nn.Conv2d(c_in, c_out, 1, bias=False))
        self.first = _relu_conv_norm(c_in, c_out, 3, 2, 1)
        self.second = _relu_conv_norm(c_out, c_out, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.downsample(x) + self.second(self.first(x))


class NasBench201Net(nn.Module):
    """Figure 1 of arXiv 2001.00326: `names` are the operations of edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3."""

    def __init__(self, names: Sequence[str], c: int, cells: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)]
        for stage in range(3):
            if stage:
                layers.append(_Residual(c, 2 * c))
                c = 2 * c
            layers += [_NasBench201Cell(names, c) for _ in range(cells)]
        self.body = nn.Sequential(*layers, nn.BatchNorm2d(c), nn.ReLU())
        self.classifier = nn.Linear(c, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.body(x).mean((2, 3)))
