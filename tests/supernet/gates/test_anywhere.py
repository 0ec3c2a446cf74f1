"""A `MixedOp` wherever a layer stands: before layers that work in place, with any inputs and outputs, compiled."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from materialized import StraightThrough
from pnas_supernet import (
    ExactGate,
    GatePath,
    MixedOp,
    Mixture,
    OneShotSum,
    SinglePath,
    TwoPathGate,
    active_paths,
    alpha_parameters,
    arch_step,
    frozen_parameters,
    gated_output,
    mixed_ops,
    saved_bytes,
    weight_parameters,
    weight_step,
)

CHANNELS = 3


def convolutions() -> list[nn.Module]:
    return [nn.Conv2d(CHANNELS, CHANNELS, size, padding=size // 2) for size in (1, 3, 5)]


def images(*shape: int) -> Tensor:
    return torch.randn(*(shape or (2, CHANNELS, 5, 5)), dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def gradients(network: nn.Module, run: Callable[[], Tensor], path: GatePath) -> list[Tensor | None]:
    network.zero_grad()
    with active_paths(network, [path] * len(mixed_ops(network))):
        run().square().sum().backward()
    return [parameter.grad for parameter in network.parameters()]


def out_of_place(network: nn.Module) -> nn.Module:
    """A copy of a network in which no activation works in place."""
    copied = copy.deepcopy(network)
    for module in copied.modules():
        if hasattr(module, "inplace"):
            setattr(module, "inplace", False)  # noqa: B010 (of any class)
    return copied


class Residual(nn.Module):
    """Adds to what its inner module gives, in place or not."""

    def __init__(self, inner: nn.Module, *, inplace: bool) -> None:
        super().__init__()
        self.inner, self.inplace = inner, inplace

    def forward(self, x: Tensor) -> Tensor:
        out = self.inner(x)
        if not self.inplace:
            return (out + x) * 2
        out += x
        out *= 2
        return out


INPLACE: dict[str, Callable[[nn.Module], nn.Module]] = {
    "activation": lambda op: nn.Sequential(op, nn.LeakyReLU(0.5, inplace=True)),
    "residual": lambda op: Residual(op, inplace=True),
}
PATHS = [SinglePath(1), ExactGate(0), ExactGate(2), TwoPathGate(1, 2)]


@pytest.mark.parametrize("path", PATHS, ids=str)
@pytest.mark.parametrize("follower", INPLACE)
def test_what_follows_may_work_in_place(follower: str, path: SinglePath) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 1), INPLACE[follower](MixedOp(convolutions()))).double()
    expected_of = out_of_place(network)
    among = {ExactGate: (0, 1, 2), TwoPathGate: (1, 2)}.get(type(path))
    oracle = path if among is None else StraightThrough(path.active, among)
    found = gradients(network, lambda: network(images()), path)
    expected = gradients(expected_of, lambda: expected_of(images()), oracle)
    for gradient, wanted in zip(found, expected, strict=True):
        if wanted is not None and (gradient is not None or wanted.any()):
            torch.testing.assert_close(gradient, wanted, rtol=1e-10, atol=1e-12)


def test_an_identity_hands_on_a_tensor_of_its_own_where_the_others_need_the_input() -> None:
    network = nn.Sequential(MixedOp([nn.Identity(), nn.Conv2d(CHANNELS, CHANNELS, 1)]), nn.ReLU(inplace=True)).double()
    x = images()
    beside = out_of_place(network)
    found = gradients(network, lambda: network(x), ExactGate(0))[0]
    expected = gradients(beside, lambda: beside(x), StraightThrough(0, (0, 1)))[0]
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    assert torch.equal(x, images())


class Twice(nn.Module):
    """The output of its inner module, and all or a part of the same memory."""

    def __init__(self, inner: nn.Module, second: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.inner, self.second = inner, second

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.inner(x)
        return y, self.second(y)


@pytest.mark.parametrize("second", [lambda y: y, lambda y: y[:, :2]], ids=["itself", "a view"])
@pytest.mark.parametrize("changed", [0, 1])
@pytest.mark.parametrize("path", [ExactGate(0), TwoPathGate(0, 1)])
def test_outputs_that_share_memory_are_changed_one_at_a_time(
    path: SinglePath, changed: int, second: Callable[[Tensor], Tensor]
) -> None:
    def run(network: nn.Module, path: GatePath) -> list[Tensor | None]:
        def changed_in_place() -> Tensor:
            outputs = network(images())
            outputs[changed].mul_(outputs[1 - changed].mean()).add_(1)
            return (outputs[0].sum() + 1) * outputs[1].square().sum()

        return gradients(network, changed_in_place, path)[1:]

    inner = convolutions()
    gated = MixedOp([Twice(one, second) for one in inner]).double()
    apart = MixedOp([Twice(one, lambda y: second(y).clone()) for one in inner])
    apart.to(torch.float64)
    expected = [gradient.clone() for gradient in run(apart, SinglePath(0)) if gradient is not None]
    given = [gradient for gradient in run(gated, path) if gradient is not None]
    assert len(given) == len(expected) == 2
    for one, other in zip(given, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_no_copy_is_kept_for_what_works_in_place() -> None:
    x = images().requires_grad_()
    op = MixedOp(convolutions()).double().requires_grad_(False)
    op.alpha.requires_grad_(True)
    output = x.numel() * 8
    with active_paths(op, [ExactGate(1)]):
        in_place = saved_bytes(lambda: op(x).relu_(), besides=[x, *op.parameters()])
        beside = saved_bytes(lambda: op(x).relu(), besides=[x, *op.parameters()])
    assert in_place == output + 3 * 8  # the output, which both need, and the probabilities
    assert beside == in_place + output


def test_a_stateful_candidate_is_evaluated_again_from_the_state_that_it_was_run_from() -> None:
    """Spectral norm goes a step towards the norm of its weight in every forward pass."""
    torch.manual_seed(0)
    layers = [nn.utils.parametrizations.spectral_norm(layer) for layer in convolutions()]
    network = Residual(MixedOp(layers), inplace=True).double()
    beside = copy.deepcopy(network)
    beside.inplace = False
    found = gradients(network, lambda: network(images()), ExactGate(1))[0]
    torch.testing.assert_close(
        found, gradients(beside, lambda: beside(images()), ExactGate(1))[0], rtol=1e-12, atol=0.0
    )


def test_the_gradient_of_complex_outputs_is_that_of_autograd() -> None:
    class Spectrum(nn.Module):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.conv = nn.Conv2d(CHANNELS, CHANNELS, size, padding=size // 2)

        def forward(self, x: Tensor) -> Tensor:
            return torch.fft.fft2(self.conv(x)) * (1 + 2j)

    torch.manual_seed(0)
    op = MixedOp([Spectrum(1), Spectrum(3)]).double()
    weight = torch.randn(2, CHANNELS, 5, 5, dtype=torch.complex128, generator=torch.Generator().manual_seed(3))
    gates = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)

    def loss(output: Tensor) -> Tensor:
        return (output * weight).real.square().sum() + (output.imag * weight.imag).sum()

    mixture = sum(gate * candidate(images()) for gate, candidate in zip(gates, op.candidates, strict=True))
    (gate,) = torch.autograd.grad(loss(mixture), gates)
    with active_paths(op, [ExactGate(0)]):
        loss(op(images())).backward()
    torch.testing.assert_close(op.alpha.grad, 0.5 * (gate - gate.mean()), rtol=1e-10, atol=0.0)


class Real(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1].mean((2, 3), keepdim=True)


class Complex(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.to(torch.complex128)


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x * 1, x * 2


@pytest.mark.parametrize("path", [ExactGate(0), TwoPathGate(0, 1), Mixture(2), OneShotSum(2)], ids=str)
@pytest.mark.parametrize(
    ("other", "message"),
    [
        (Real(), r"Conv2d \(2, 3, 5, 5\) and Real \(2, 1, 1, 1\)"),
        (Complex(), r"Conv2d \(2, 3, 5, 5\) and Complex complex \(2, 3, 5, 5\)"),
        (Pair(), r"Conv2d \(2, 3, 5, 5\) and Pair \(2, 3, 5, 5\), \(2, 3, 5, 5\) in a tuple"),
    ],
)
def test_unlike_outputs_are_refused_with_both(other: nn.Module, message: str, path: GatePath) -> None:
    op = MixedOp([nn.Conv2d(CHANNELS, CHANNELS, 1), other]).double()
    with pytest.raises(ValueError, match=f"two candidates of a MixedOp give incompatible outputs: {message}"):
        gradients(op, lambda: op(images()), path)


class TwoInputs(nn.Module):
    """A dict of outputs from two inputs, one of them named, with a mask among them."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(CHANNELS, CHANNELS, size, padding=size // 2)

    def forward(self, x: Tensor, *, scale: Tensor, power: int = 1) -> dict[str, Any]:
        out = self.conv(x) * scale**power
        return {"out": out, "more": [out.mean((2, 3)), (out.sum(1).sin(),)], "mask": x[:, 0] > 0, "name": "any"}


@pytest.mark.parametrize("path", [ExactGate(1), Mixture(2)], ids=str)
def test_candidates_take_several_inputs_and_give_dicts_lists_and_tuples(path: GatePath) -> None:
    torch.manual_seed(0)
    op = MixedOp([TwoInputs(1), TwoInputs(3)]).double()
    scale = torch.tensor(1.5, dtype=torch.float64)

    def parts(output: dict[str, Any]) -> list[Tensor]:
        return [output["out"], output["more"][0], output["more"][1][0]]

    def loss(outputs: Sequence[Tensor]) -> Tensor:
        return torch.stack([(k + 1) * part.square().sum() for k, part in enumerate(outputs)]).sum()

    alpha = op.alpha.detach().clone().requires_grad_()
    probs = alpha.softmax(0)
    gates = probs if isinstance(path, Mixture) else torch.tensor([0.0, 1.0]) + probs - probs.detach()
    every = [parts(candidate(images(), scale=scale, power=2)) for candidate in op.candidates]
    mixed = [sum(g * part for g, part in zip(gates, of_all, strict=True)) for of_all in zip(*every, strict=True)]
    (expected,) = torch.autograd.grad(loss(mixed), alpha)
    with active_paths(op, [path]):
        output = op(images(), scale=scale, power=2)
        loss(parts(output)).backward()
    assert output["name"] == "any"
    assert torch.equal(output["mask"], images()[:, 0] > 0)
    torch.testing.assert_close(op.alpha.grad, expected, rtol=1e-10, atol=1e-12)


def test_outputs_that_nobody_uses_count_nothing() -> None:
    alpha = torch.zeros(2, requires_grad=True)
    first, _ = gated_output(alpha, [Pair(), Pair()], 0, torch.ones(1, 2))
    first.sum().backward()
    assert alpha.grad is not None
    assert torch.equal(alpha.grad, torch.zeros(2))  # both give the same


def test_an_output_without_a_tensor_is_refused() -> None:
    class Number(nn.Module):
        def forward(self, x: Tensor) -> float:
            return 1.0

    with pytest.raises(ValueError, match=r"a candidate \(Number\) gives a float without a tensor"):
        gated_output(torch.zeros(1, requires_grad=True), [Number()], 0, torch.ones(1))


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointed_parts_have_the_same_gradients(reentrant: bool) -> None:
    torch.manual_seed(0)
    network = Residual(nn.Sequential(MixedOp(convolutions()), nn.Dropout(0.5)), inplace=True).double()
    x = images().requires_grad_()
    found = []
    for run in (lambda: network(x), lambda: checkpoint(network, x, use_reentrant=reentrant)):
        torch.manual_seed(3)
        found.append([g for g in gradients(network, run, ExactGate(1)) if g is not None])
    for plain, checkpointed in zip(*found, strict=True):
        torch.testing.assert_close(checkpointed, plain, rtol=1e-12, atol=1e-14)


def test_a_checkpointed_backward_pass_without_its_path_says_so() -> None:
    op = MixedOp(convolutions()).double()
    with active_paths(op, [ExactGate(1)]):
        loss = checkpoint(op, images().requires_grad_(), use_reentrant=False).sum()
    with pytest.raises(RuntimeError, match="and the backward pass too where it is checkpointed, inside `with active_p"):
        loss.backward()


def test_lazy_candidates_are_refused_until_they_have_run() -> None:
    lazy = nn.LazyConv2d(CHANNELS, 1)
    with pytest.raises(ValueError, match=r"the candidates' 1\.weight has no shape yet.*run the candidate once"):
        MixedOp([nn.Conv2d(CHANNELS, CHANNELS, 1), lazy])
    lazy(images().float())
    assert len(MixedOp([nn.Conv2d(CHANNELS, CHANNELS, 1), lazy]).alpha) == 2


def test_a_banned_candidate_is_not_even_evaluated() -> None:
    class Never(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError

    op = MixedOp([nn.Conv2d(CHANNELS, CHANNELS, 1), Never(), nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)]).double()
    with torch.no_grad():
        op.alpha[1] = -torch.inf
    gradient = gradients(op, lambda: op(images()), ExactGate(0))[0]
    assert gradient is not None
    assert gradient[1] == 0
    assert gradient.isfinite().all()
    assert gradient[0] != 0
    torch.testing.assert_close(gradient[0], -gradient[2])


@pytest.mark.slow
@pytest.mark.parametrize("how", ["whole", "candidates"])
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_network_has_the_same_gradients_on_every_path(how: str) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 1), MixedOp(convolutions()), nn.ReLU(inplace=True)).double()
    compiled_of = copy.deepcopy(network)
    run: Callable[[Tensor], Tensor] = compiled_of
    if how == "whole":
        run = torch.compile(compiled_of)
    else:
        for candidate in mixed_ops(compiled_of)[0].candidates:
            candidate.compile()
    for path in (*PATHS, ExactGate(1)):
        found = gradients(compiled_of, lambda: run(images()), path)
        for gradient, wanted in zip(found, gradients(network, lambda: network(images()), path), strict=True):
            torch.testing.assert_close(gradient, wanted, rtol=1e-9, atol=1e-12)


NETS = {
    "alexnet": 63, "convnext_tiny": 32, "densenet121": 32, "efficientnet_b0": 32, "googlenet": 32, "mnasnet1_0": 32,
    "mobilenet_v2": 32, "mobilenet_v3_small": 32, "regnet_y_400mf": 32, "resnet18": 32, "shufflenet_v2_x1_0": 32,
    "squeezenet1_1": 32, "vgg11": 32,
}  # fmt: skip
OPTIONS: dict[str, dict[str, bool]] = {"googlenet": {"init_weights": True}}
QUICK = {"squeezenet1_1": 6, "resnet18": 11}


def alternatives(conv: nn.Conv2d) -> list[nn.Module]:
    """The layer itself, and one with a kernel of another size."""
    size, stride = conv.kernel_size[0], conv.stride[0]
    wider = 0 if size == stride > 1 else 2  # patches stay what they are
    padding = 0 if wider == 0 else int(conv.padding[0]) + 1
    other = nn.Conv2d(
        conv.in_channels, conv.out_channels, size + wider, stride, padding, groups=conv.groups, bias=False
    )
    return [conv, other]


def check_every_place(name: str, every: int) -> None:
    torch.manual_seed(0)
    network = torchvision.models.get_model(name, weights=None, num_classes=5, **OPTIONS.get(name, {})).double()
    if name == "googlenet":
        network.aux_logits, network.aux1, network.aux2 = False, None, None
    places = [path for path, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    x, labels = images(2, 3, NETS[name], NETS[name]), torch.tensor([0, 3])
    for place in places[::every]:
        parent, _, leaf = place.rpartition(".")
        owner = network.get_submodule(parent)
        conv = getattr(owner, leaf)
        op = MixedOp(alternatives(conv)).double()
        setattr(owner, leaf, op)
        beside = out_of_place(network)
        for active in (0, 1):
            weights = torch.optim.SGD(weight_parameters(network), lr=0.0)
            weight_step(
                network, x, labels, paths=[SinglePath(active)], loss=nn.functional.cross_entropy, optimizer=weights
            )
            assert op.candidates[active].weight.grad.isfinite().all()
            alphas = torch.optim.SGD(alpha_parameters(network), lr=0.0)
            torch.manual_seed(1)  # of dropout and stochastic depth
            arch_step(network, x, labels, paths=[ExactGate(active)], loss=nn.functional.cross_entropy, optimizer=alphas)
            beside.zero_grad()
            torch.manual_seed(1)
            with active_paths(beside, [StraightThrough(active, (0, 1))]), frozen_parameters(weight_parameters(beside)):
                nn.functional.cross_entropy(beside(x), labels).backward()
            (expected,) = alpha_parameters(beside)
            torch.testing.assert_close(op.alpha.grad, expected.grad, rtol=1e-6, atol=1e-12)
        setattr(owner, leaf, conv)


@pytest.mark.parametrize("name", QUICK)
def test_torchvision_nets_search_at_some_places(name: str) -> None:
    check_every_place(name, every=QUICK[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_torchvision_nets_search_at_every_place(name: str) -> None:
    check_every_place(name, every=1)
