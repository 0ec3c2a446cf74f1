"""Accounts of nets, against counts by hand, PyTorch's counter, gradients and what others have published."""

from collections.abc import Callable

import pytest
import torch
import torchvision
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from torch import Tensor, nn
from torch.nn import functional as F

from pnas_ops import (
    Account,
    AccountError,
    Architecture,
    account_of,
    architecture_account,
    architecture_macs,
    architecture_parameters,
    count_macs,
)
from strategies import architectures

PUBLISHED = ["resnet18", "mobilenet_v2", "shufflenet_v2_x1_0", "efficientnet_b0"]


def torchvision_net(name: str, **options: object) -> nn.Module:
    with torch.device("meta"):
        net: nn.Module = torchvision.models.get_model(name, weights=None, **options)
    return net


class Computes(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., object], **parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, *inputs: Tensor) -> object:
        return self.function(self, *inputs)


def alive(account: Account) -> list[dict[str, int]]:
    """Of each line, what is in memory, in values."""
    return [{one.made_by: one.size_bytes // 4 for one in line.alive} for line in account.lines]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_sums_are_those_of_the_counter_and_the_published_ones(name: str) -> None:
    net = torchvision_net(name)
    account = account_of(net, [(1, 3, 224, 224)])
    published = torchvision.models.get_model_weights(name).DEFAULT.meta
    assert account.macs == count_macs(net, (1, 3, 224, 224))
    assert round(account.macs / 1e9, 3) == published["_ops"]
    assert account.parameters == sum(line.parameters for line in account.lines) == published["num_params"]
    assert account.weight_bytes == 4 * account.parameters


@settings(max_examples=8)
@given(architectures())
def test_the_sums_of_any_net_are_those_of_the_counters(net: Architecture) -> None:
    account = architecture_account(net, dtype="int8")
    assert account.macs == architecture_macs(net)
    assert account.parameters == architecture_parameters(net) == account.weight_bytes
    assert account.unread_parameters == 0


def test_what_a_line_says_of_a_convolution() -> None:
    net = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), nn.BatchNorm2d(6), nn.ReLU())
    (line,) = account_of(net, [(1, 4, 9, 8)], dtype="float16").lines
    assert (line.place, line.operator) == ("0", "conv 3x3/2 g2 + batch_norm + relu")
    assert (line.input_shapes, line.output_shape) == (((1, 4, 9, 8),), (1, 6, 5, 4))
    assert line.macs == 6 * 5 * 4 * 2 * 9
    assert line.parameters == 6 * 2 * 9 + 6 + 2 * 6
    assert line.weight_bytes == 2 * line.parameters
    assert (line.input_bytes, line.output_bytes) == (2 * 4 * 9 * 8, 2 * 6 * 5 * 4)
    assert line.activation_bytes == line.alive_bytes == line.input_bytes + line.output_bytes
    assert line.macs_per_byte == line.macs / (line.weight_bytes + line.activation_bytes)
    assert line.receptive_field == (3, 3)


def test_a_shortcut_waits_until_it_is_added() -> None:
    net = Computes(
        lambda self, x: x + self.project(self.expand(x)), expand=nn.Conv2d(2, 12, 1), project=nn.Conv2d(12, 2, 1)
    )
    account = account_of(net, [(1, 2, 5, 5)])
    assert alive(account) == [
        {"input": 50, "expand": 300},
        {"input": 50, "expand": 300, "project": 50},
        # The sum is written over one of the two.
        {"input": 50, "project": 50},
    ]
    assert [line.waiting_bytes // 4 for line in account.lines] == [0, 50, 0]
    assert [one.role for one in account.lines[1].alive] == ["waiting", "input", "output"]
    assert account.peak == 1
    assert account.peak_activation_bytes == 4 * 400


@pytest.mark.parametrize("inplace", [True, False])
def test_an_activation_needs_no_memory_whether_it_is_written_so_or_not(inplace: bool) -> None:
    conv = nn.Sequential(nn.Conv2d(2, 4, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU6(inplace), nn.Conv2d(4, 2, 1))
    account = account_of(conv, [(1, 2, 3, 3)])
    assert alive(account) == [{"input": 18, "0": 36}, {"0": 36, "3": 18}]
    assert [line.operator for line in account.lines] == ["conv 1x1 + batch_norm + clip", "conv 1x1"]


def test_an_activation_whose_operand_is_read_later_is_a_tensor_of_its_own() -> None:
    net = Computes(lambda self, x: F.relu(x) * self.conv(x), conv=nn.Conv2d(2, 2, 1))
    account = account_of(net, [(1, 2, 3, 3)])
    assert [line.operator for line in account.lines] == ["relu", "conv 1x1", "mul"]
    assert [sum(one.values()) for one in alive(account)] == [36, 54, 36]


def test_what_is_read_between_is_not_written_over() -> None:
    # The pool reads what the activation would change.
    net = Computes(lambda self, x: (F.max_pool2d(y := self.conv(x), 3, 1, 1), F.relu(y)), conv=nn.Conv2d(2, 2, 1))
    account = account_of(net, [(1, 2, 3, 3)])
    assert [line.operator for line in account.lines] == ["conv 1x1", "max pool 3x3", "relu"]
    assert [sum(one.values()) for one in alive(account)] == [36, 36, 36]


def test_views_need_no_memory_and_keep_what_they_are_views_of() -> None:
    def split(self: Computes, x: Tensor) -> Tensor:
        first, second = self.conv(x).chunk(2, dim=1)
        return torch.cat([first, self.latter(second)], dim=1).flatten(1)

    account = account_of(Computes(split, conv=nn.Conv2d(3, 4, 1), latter=nn.Conv2d(2, 2, 1)), [(1, 3, 2, 2)])
    assert alive(account) == [
        {"input": 12, "conv": 16},
        {"conv": 16, "latter": 8},
        {"conv": 16, "latter": 8, "concatenate": 16},
    ]
    assert account.lines[1].input_shapes == ((1, 2, 2, 2),)
    assert account.lines[2].input_shapes == ((1, 2, 2, 2), (1, 2, 2, 2))


def test_both_halves_of_a_tensor_are_read() -> None:
    account = account_of(Computes(lambda _, x: torch.mul(*x.chunk(2, dim=1))), [(1, 4, 2, 2)])
    assert account.lines[0].input_bytes == 4 * 16


def test_the_indices_of_a_pool_are_there_only_where_they_are_read() -> None:
    plain = account_of(nn.MaxPool2d(2), [(1, 1, 4, 4)])
    assert alive(plain) == [{"input": 16, "max pool 2x2/2": 4}]
    undone = Computes(lambda _, x: nn.MaxUnpool2d(2)(*F.max_pool2d(x, 2, return_indices=True)))
    pooling, *_ = account_of(undone, [(1, 1, 4, 4)]).lines
    assert pooling.output_bytes == 4 * (4 + 4)


def test_what_nobody_reads_is_gone_and_what_the_net_gives_stays() -> None:
    def forward(self: Computes, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        self.first(x)
        y = self.second(x)
        return y, {"third": self.third(y)}

    parts = {name: nn.Conv2d(1, 1, 1) for name in ("first", "second", "third")}
    account = account_of(Computes(forward, **parts), [(1, 1, 2, 2)])
    assert alive(account) == [{"input": 4, "first": 4}, {"input": 4, "second": 4}, {"second": 4, "third": 4}]


def test_a_module_that_is_called_twice_computes_twice_and_has_its_weights_once() -> None:
    account = account_of(
        Computes(lambda self, x: self.conv(self.conv(x)), conv=nn.Conv2d(2, 2, 3, padding=1)), [(1, 2, 4, 4)]
    )
    assert [line.parameters for line in account.lines] == [38, 0]
    assert account.macs == 2 * 16 * 36
    assert account.parameters == 38


def test_weights_that_are_for_training_only_are_counted_apart() -> None:
    net = Computes(lambda self, x: self.head(x), head=nn.Conv2d(1, 1, 1), auxiliary=nn.Conv2d(1, 5, 1))
    account = account_of(net, [(1, 1, 2, 2)])
    assert (account.parameters, account.unread_parameters) == (12, 10)
    assert account.weight_bytes == 48


def test_a_net_of_two_inputs() -> None:
    account = account_of(Computes(lambda _, x, y: x @ y), [(2, 3), (3, 4)])
    assert account.macs == 2 * 3 * 4
    assert account.peak_activation_bytes == 4 * (6 + 12 + 8)


def test_a_net_that_computes_nothing_holds_its_input() -> None:
    account = account_of(nn.Identity(), [(1, 2, 3, 4)])
    assert (account.lines, account.macs, account.peak_activation_bytes, account.macs_per_byte) == ((), 0, 96, 0)
    with pytest.raises(AccountError, match=r"^a net that computes nothing has no peak: leave it out$"):
        _ = account.peak


def test_looking_leaves_the_net_where_and_as_it_is() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2).eval(), nn.Dropout()).train()
    net[1].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    account_of(net, [(1, 1, 4, 4)])
    assert [part.training for part in net.modules()] == [True, True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_what_cannot_be_looked_at_is_told_in_one_line() -> None:
    net = nn.Conv2d(3, 4, 5)
    with pytest.raises(
        AccountError, match=r"^Conv2d does not run on 1x3x4x4: RuntimeError: .*: give shapes that it takes"
    ):
        account_of(net, [(1, 3, 4, 4)])
    assert net.training
    with pytest.raises(AccountError, match=r"^there is no dtype 'int4': take one of float32, float16, int8$"):
        account_of(net, [(1, 3, 8, 8)], dtype="int4")  # type: ignore[arg-type]
    with pytest.raises(AccountError, match=r"does not run on 1x1: ValueError: no\. such thing: give"):
        account_of(Computes(lambda _, x: (_ for _ in ()).throw(ValueError("no.\nsuch thing"))), [(1, 1)])


# Of the last feature maps: Araujo et al., Distill 2019; ResNet-18 by its strides, by hand.
@pytest.mark.parametrize(
    ("name", "place", "sees"),
    [("vgg16", "features.30", 212), ("alexnet", "features.12", 195), ("resnet18", "layer4.1", 435)],
)
def test_receptive_fields_as_published(name: str, place: str, sees: int) -> None:
    account = account_of(torchvision_net(name), [(1, 3, 224, 224)])
    fields = {line.place: line.receptive_field for line in account.lines}
    assert fields[place] == (sees, sees)
    assert account.receptive_field is None  # a linear layer sees everything


@st.composite
def windows(draw: DrawFn) -> nn.Module:
    """Convolutions, pools, enlarged maps and sums of two branches, with weights of one."""
    kernel, other = draw(st.sampled_from([1, 3, 5])), draw(st.sampled_from([1, 3, 5]))
    stride, dilation = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    conv = nn.Conv2d(
        1,
        1,
        (kernel, other),
        stride,
        dilation=dilation,
        bias=False,
        padding=(kernel // 2 * dilation, other // 2 * dilation),
    )
    nn.init.ones_(conv.weight)
    choices: list[nn.Module] = [
        nn.Sequential(conv, nn.ReLU()),
        nn.AvgPool2d(kernel, stride, kernel // 2),
        nn.Upsample(scale_factor=2, mode="nearest"),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.ConvTranspose2d(1, 1, max(other, stride), stride, bias=False),
        Computes(lambda self, x: x + self.pool(x), pool=nn.AvgPool2d(kernel, 1, kernel // 2)),
    ]
    chosen = draw(st.sampled_from(choices))
    if isinstance(chosen, nn.ConvTranspose2d):
        nn.init.ones_(chosen.weight)
    return chosen


def skips_enlarged_pixels(layers: list[nn.Module]) -> bool:
    """Whether some of those that see most are not looked at."""
    enlarged = False
    for layer in layers:
        stride = getattr(layer[0] if isinstance(layer, nn.Sequential) else layer, "stride", 1)
        if enlarged and stride not in (1, (1, 1)) and not isinstance(layer, nn.ConvTranspose2d):
            return True
        enlarged = enlarged or isinstance(layer, nn.Upsample | nn.ConvTranspose2d)
    return False


@settings(max_examples=25)
@given(st.lists(windows(), min_size=1, max_size=4).filter(lambda layers: not skips_enlarged_pixels(layers)))
def test_a_receptive_field_is_what_gradients_reach(layers: list[nn.Module]) -> None:
    net, side = nn.Sequential(*layers).double(), 48
    account = account_of(net, [(1, 1, side, side)])
    field = account.receptive_field
    assert field is not None
    assume(max(field) < side // 2)
    x = torch.ones(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    result = net(x)
    # Those of an enlarged map do not all see the same number, but again and again the same ones.
    phases = 2 ** sum(isinstance(layer, nn.Upsample | nn.ConvTranspose2d) for layer in layers)
    row, column = (side // 2 for side in result.shape[2:])
    assume(phases < min(row, column))
    extents = []
    for step in range(phases):
        (gradient,) = torch.autograd.grad(result[0, 0, row + step, column + step], x, retain_graph=True)
        reached = gradient[0, 0].nonzero()
        extents.append((reached.max(0).values - reached.min(0).values + 1).tolist())
    assert field == tuple(max(sizes) for sizes in zip(*extents, strict=True))


def test_a_gate_of_all_pixels_sees_all_of_them() -> None:
    account = account_of(Computes(lambda _, x: x * x.mean((2, 3), keepdim=True)), [(1, 2, 8, 8)])
    assert account.receptive_field is None


@pytest.mark.parametrize(
    ("function", "sees"),
    [
        # Without a stride of its own a pool's windows lie beside one another.
        (lambda x: F.avg_pool2d(F.max_pool2d(x, 2), 3), 2 + 2 * 2),
        (lambda x: F.max_pool2d(F.avg_pool2d(x, 2), 3, dilation=2), 2 + 4 * 2),
        # Pixels 0 to 4 and 3 to 7 of seven.
        (lambda x: F.adaptive_avg_pool2d(x[..., :7, :7], 2), 4),
        (lambda x: F.adaptive_max_pool2d(x, 1), None),
    ],
)
def test_what_pools_see(function: Callable[[Tensor], Tensor], sees: int | None) -> None:
    account = account_of(Computes(lambda _, x: function(x)), [(1, 1, 20, 20)])
    assert account.receptive_field == (None if sees is None else (sees, sees))


def test_few_parameters_are_not_little_memory() -> None:
    """MobileNetV2 has a third of the parameters of ResNet-18, and needs half as much memory again."""
    large, mobile = (account_of(torchvision_net(name), [(1, 3, 224, 224)]) for name in ("resnet18", "mobilenet_v2"))
    assert large.parameters / mobile.parameters == pytest.approx(3.34, abs=0.01)
    # Two maps of 64 channels, at 112 and 56 pixels; two of 96.
    assert large.peak_activation_bytes == 4 * 64 * (112**2 + 56**2)
    assert mobile.peak_activation_bytes == 4 * 96 * (112**2 + 56**2)


class _Moved(nn.Module):
    """A convolution, a view of its result, and another convolution."""

    def __init__(self, first: nn.Module, view: Callable[[Tensor], Tensor], last: nn.Module) -> None:
        super().__init__()
        self.first, self.view, self.last = first, view, last

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.last(self.view(self.first(x)))
        return result


@pytest.mark.parametrize(
    ("view", "last"),
    [
        (lambda x: x[:, :, ::2, ::2], nn.Conv2d(4, 4, 3)),
        (lambda x: x.transpose(2, 3), nn.Conv2d(4, 4, (3, 1))),
        (lambda x: x.flatten(2), nn.Conv1d(4, 4, 3)),
        (lambda x: x.unsqueeze(2), nn.Conv3d(4, 4, (1, 3, 3))),
    ],
    ids=["strided", "transposed", "flat", "deeper"],
)
def test_what_a_view_moves_has_no_field_that_is_known(view: Callable[[Tensor], Tensor], last: nn.Module) -> None:
    account = account_of(_Moved(nn.Conv2d(3, 4, (3, 1)), view, last), [(1, 3, 16, 16)])
    assert account.lines[0].receptive_field == (3, 1)
    assert account.lines[-1].receptive_field is None


def test_a_view_of_some_channels_keeps_the_field() -> None:
    net = _Moved(nn.Conv2d(3, 4, 3), lambda x: x.view(1, 2, 2, 14, 14).transpose(1, 2)[:, 0], nn.Conv2d(2, 4, 3))
    assert account_of(net, [(1, 3, 16, 16)]).lines[-1].receptive_field == (5, 5)


def test_a_module_without_shapes_yet_is_refused_in_a_line() -> None:
    with pytest.raises(AccountError, match="LazyConv2d does not run on"):
        account_of(nn.LazyConv2d(4, 3), [(1, 3, 8, 8)])
