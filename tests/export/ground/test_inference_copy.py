"""What every export starts from: the net as it computes, without what it is wrapped in."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from pnas_export import NetError
from pnas_export.ground.inference_copy import inference_copy
from pnas_export.ground.outputs import output_tensors
from pnas_export.ground.trial import example_images, tried_copy

IMAGES = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5))


def compiled(inside: nn.Module) -> nn.Module:
    return torch.compile(inside, backend="eager")  # type: ignore[return-value]


@pytest.mark.parametrize(
    "wrap",
    [
        nn.DataParallel,
        compiled,
        torch.optim.swa_utils.AveragedModel,
        lambda inside: nn.DataParallel(compiled(inside)),
        lambda inside: nn.Sequential(compiled(inside), nn.Identity()),
    ],
)
def test_wrappers_are_left_out_at_any_depth(wrap: Callable[[nn.Module], nn.Module]) -> None:
    plain = net()
    wrapped = wrap(plain)
    copied = inference_copy(wrapped)
    kinds = {type(part) for part in copied.modules()}
    assert kinds <= {nn.Sequential, nn.Conv2d, nn.ReLU, nn.Flatten, nn.Linear, nn.Identity}
    assert torch.equal(copied(IMAGES), plain(IMAGES))
    assert not {parameter.data_ptr() for parameter in copied.parameters()} & {
        parameter.data_ptr() for parameter in plain.parameters()
    }


def normed(layer: int, norm: Callable[[nn.Module], object]) -> nn.Module:
    module = net()
    norm(module[layer])
    module(IMAGES)
    return module


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
@pytest.mark.parametrize(
    "norm",
    [
        weight_norm,
        spectral_norm,
        parametrizations.weight_norm,
        parametrizations.spectral_norm,
        lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
    ],
)
@pytest.mark.parametrize("layer", [0, 3])
def test_weights_that_each_call_computes_are_computed_once(norm: Callable[[nn.Module], object], layer: int) -> None:
    original = normed(layer, norm).eval()
    expected = original(IMAGES)
    copied = inference_copy(original)
    assert copied.state_dict().keys() == net().state_dict().keys()
    torch.testing.assert_close(copied(IMAGES), expected.detach())
    # And the net goes on as it was.
    assert torch.equal(original(IMAGES), expected)
    assert original.state_dict().keys() != net().state_dict().keys()


class Keeper(nn.Module):
    """Keeps what it computed."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = net()
        self.kept: dict[str, list[Tensor]] = {}

    def forward(self, images: Tensor) -> Tensor:
        self.seen = self.inside[0](images)
        self.kept["last"] = [self.seen]
        return self.inside(images)


def test_a_net_that_keeps_activations_is_copied() -> None:
    keeper = Keeper()
    expected = keeper(IMAGES)
    seen = keeper.seen
    copied = inference_copy(keeper)
    assert torch.equal(copied(IMAGES), expected)
    assert keeper.seen is seen
    assert seen.requires_grad


def test_hooks_that_only_look_are_left_out_and_those_that_compute_stay() -> None:
    looked_at, changed = net(), net()
    seen: list[float] = []
    looked_at[0].register_forward_hook(lambda layer, inputs, output: seen.append(float(output.mean())))
    changed[0].register_forward_hook(lambda layer, inputs, output: output * 2)
    copied = tried_copy(looked_at, IMAGES)
    seen.clear()
    assert torch.equal(copied(IMAGES), net()(IMAGES))
    assert seen == []
    assert torch.equal(tried_copy(changed, IMAGES)(IMAGES), changed(IMAGES))
    assert not torch.equal(changed(IMAGES), net()(IMAGES))


class Gives(nn.Module):
    def __init__(self, gives: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.inside, self.gives = net(), gives

    def forward(self, images: Tensor) -> object:
        return self.gives(self.inside(images))


class Pair(NamedTuple):
    logits: Tensor
    aux: Tensor | None


@pytest.mark.parametrize(
    ("gives", "names"),
    [
        (lambda y: (y, 2 * y), ["output_0", "output_1"]),
        (lambda y: Pair(y, None), ["logits"]),
        (lambda y: OrderedDict(out=y, aux=(None, [3 * y])), ["out", "aux.1.0"]),
    ],
)
def test_a_copy_gives_its_outputs_by_name_and_one_alone_as_it_is(
    gives: Callable[[Tensor], object], names: list[str]
) -> None:
    module = Gives(gives)
    outputs = tried_copy(module, IMAGES)(IMAGES)
    assert type(outputs) is dict
    assert list(outputs) == names
    assert torch.equal(outputs[names[0]], net()(IMAGES))
    # The net itself goes on as it was, and its copy has no layer more.
    assert type(module(IMAGES)) is type(gives(IMAGES))
    assert [name for name, _ in tried_copy(module, IMAGES).named_modules()] == [
        name for name, _ in module.named_modules()
    ]
    assert isinstance(tried_copy(net(), IMAGES)(IMAGES), Tensor)


class GivesLosses(nn.Module):
    """As torchvision's detectors: losses in training, else what was found in each image."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = net()

    def forward(self, images: Tensor) -> object:
        scores = self.inside(images)
        if self.training:
            return {"loss": scores.sum()}
        return [{"scores": row} for row in scores]


def test_a_net_in_training_mode_is_copied_as_it_computes_in_evaluation() -> None:
    module = nn.Sequential(net(), nn.Dropout(0.9)).train()
    assert torch.equal(tried_copy(module, IMAGES)(IMAGES), net()(IMAGES))
    assert module.training


def with_lock() -> nn.Module:
    import threading

    module = net()
    module[1].lock = threading.Lock()  # type: ignore[assignment]
    return module


@pytest.mark.parametrize(
    ("module", "line"),
    [
        (lambda: torch.jit.trace(net(), IMAGES), r"the net is scripted or traced \(torch\.jit\): export the module"),
        (lambda: nn.Sequential(torch.jit.trace(net(), IMAGES)), r"layer '0' is scripted or traced"),
        (lambda: nn.Sequential(nn.LazyConv2d(4, 3)), r"layer '0' \(LazyConv2d\) has no weights yet: run the net"),
        (lambda: nn.Conv2d(3, 4, 3, device="meta"), "the weights of the net are on the meta device: load weights"),
        (with_lock, r"the net holds '1\.lock' \(lock\), which cannot be copied: set it to None"),
        (lambda: "net.pt", "a net must be a torch.nn.Module, got str"),
        (lambda: Gives(lambda y: None), "the net gives no tensor"),
        (lambda: Gives(lambda y: (y, 3)), "the net gives int, but a file can only give tensors"),
        (
            lambda: Gives(lambda y: (y, y.sum())),
            r"output 'output_1' of the net is of shape \(\) for 2 images: .* no losses",
        ),
        (
            lambda: Gives(lambda y: {"loss": y.mean()}),
            r"output 'loss' of the net is of shape \(\) for 2 images: export",
        ),
        (
            GivesLosses,
            r"output 'output_0.scores' of the net is of shape \(5,\) for 2 images: .* no lists of detections",
        ),
        (
            lambda: Gives(lambda y: {"a": y} if len(y) > 1 else {"b": y}),
            r"gives a \(2, 5\) for 2 images and b \(1, 5\) for one: export a module that always gives the same",
        ),
        (
            lambda: Gives(lambda y: y[:, : len(y)]),
            r"gives output_0 \(2, 2\) for 2 images and output_0 \(1, 1\) for one",
        ),
        (
            lambda: nn.Bilinear(3, 3, 2),
            r"does not take images of shape \(2, 3, 6, 6\): TypeError: .*missing 1.* takes images alone$",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated")
@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_what_cannot_be_exported_is_refused_in_one_line(module: Callable[[], Any], line: str) -> None:
    with pytest.raises(NetError, match=line) as caught:
        tried_copy(module(), IMAGES)
    assert "\n" not in str(caught.value)


def test_a_result_of_fields_is_refused_with_its_first() -> None:
    class Output:
        def __init__(self) -> None:
            self.logits = IMAGES

    with pytest.raises(NetError, match=r"gives Output \(logits\), .* such as net\(x\)\.logits$"):
        output_tensors(Output())


def test_nets_in_half_precision_and_channel_last_order_become_what_files_hold() -> None:
    module = net().half().to(memory_format=torch.channels_last)
    copied = inference_copy(module)
    assert {parameter.dtype for parameter in copied.parameters()} == {torch.float32}
    assert all(parameter.is_contiguous() for parameter in copied.parameters())
    assert module[0].weight.dtype == torch.float16


def test_example_images_are_noise_and_the_same_each_time() -> None:
    images = example_images(net(), (2, 3, 6, 6))
    assert torch.equal(images, example_images(net(), (2, 3, 6, 6)))
    assert images.std() > 0.5
