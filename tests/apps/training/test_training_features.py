"""What a training can do beside plain steps, each against its definition."""

import copy
from collections.abc import Iterator
from typing import Any, cast

import pytest
import torch
from attrs import evolve, frozen
from torch import Tensor, nn
from torch.distributed import ProcessGroup
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from bits import bits
from pnas_apps.training.config import TrainConfig
from pnas_apps.training.regularization import DroppedBlock, make_mixing, training_view
from pnas_apps.training.training import Training
from pnas_ops import Block, Zero, build_network, digits_mbconv_space
from pnas_supernet import Precision, Readings, seeded

PLAIN = TrainConfig(epochs=4, warmup_epochs=1, lr=0.1, momentum=0.9, weight_decay=1e-3, label_smoothing=0.1)
EVERYTHING = evolve(
    PLAIN,
    precision="bfloat16",
    micro_batches=2,
    ema_decay=0.9,
    dropout=0.2,
    stochastic_depth=0.3,
    mixup=0.2,
    cutmix=1.0,
)


@frozen
class Batches:
    """Three random batches of 8."""

    epoch: int

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(self.epoch)
        for _ in range(3):
            yield torch.randn(8, 1, 16, 16, generator=generator), torch.randint(10, (8,), generator=generator)


def make_network() -> nn.Sequential:
    """Residual blocks, one of which is `Zero`."""
    space = digits_mbconv_space(0.5)
    choices = [len(blocks) - 1 if index == 1 else 0 for index, blocks in enumerate(space.mixed)]
    return build_network(space.architecture(choices), generator=torch.Generator().manual_seed(0))


def make_training(config: TrainConfig, network: nn.Module | None = None) -> Training:
    return Training(make_network() if network is None else network, config, seed=3, classes=10)


def run(training: Training, epochs: int) -> Training:
    for _ in range(epochs):
        training.run_epoch(Batches(len(training.history)), on_step=lambda: None)
    return training


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_training_with_everything_resumes_bit_for_bit_whatever_was_drawn_in_between(precision: Precision) -> None:
    config = evolve(EVERYTHING, precision=precision)
    whole = run(make_training(config), 4)
    stopped = run(make_training(config), 2)
    torch.manual_seed(123)
    resumed = make_training(config)
    resumed.load_state_dict(copy.deepcopy(stopped.state_dict()))
    before = torch.get_rng_state()
    run(resumed, 2)
    assert torch.equal(torch.get_rng_state(), before)
    assert bits(whole.state_dict()) == bits(resumed.state_dict())
    assert "average" in whole.state_dict()
    assert ("scaler" in whole.state_dict()) == (precision == "float16")
    assert all(parameter.dtype == torch.float32 for parameter in whole.network.parameters())


def test_bfloat16_rounds_the_forward_pass_alone() -> None:
    seen = []
    network = make_network()
    network[0].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    config = evolve(PLAIN, precision="bfloat16", lr=1e-9)
    low = run(make_training(config, network), 1).history[0].loss
    assert seen[0] == torch.bfloat16
    assert low == pytest.approx(run(make_training(evolve(PLAIN, lr=1e-9)), 1).history[0].loss, rel=0.02)


def test_the_average_is_that_of_weights_and_statistics_over_the_steps() -> None:
    training = make_training(evolve(PLAIN, ema_decay=0.8))
    expected: dict[str, Tensor] = {}

    def by_hand() -> None:
        for name, tensor in training.network.state_dict().items():
            if tensor.is_floating_point():
                now = tensor.double()
                expected[name] = now if name not in expected else 0.8 * expected[name] + 0.2 * now

    training.run_epoch(Batches(0), on_step=by_hand)
    training.run_epoch(Batches(1), on_step=by_hand)
    averaged = training.trained.state_dict()
    assert training.trained is not training.network
    for name, tensor in expected.items():
        torch.testing.assert_close(averaged[name].double(), tensor, rtol=1e-4, atol=1e-6)
    build_network(digits_mbconv_space(0.5).architecture(_choices())).load_state_dict(averaged)


def _choices() -> list[int]:
    return [len(blocks) - 1 if index == 1 else 0 for index, blocks in enumerate(digits_mbconv_space(0.5).mixed)]


def test_the_average_does_not_change_what_is_trained() -> None:
    plain, averaged = (run(make_training(config), 2) for config in (PLAIN, evolve(PLAIN, ema_decay=0.5)))
    assert bits(plain.network.state_dict()) == bits(averaged.network.state_dict())
    assert plain.trained is plain.network


def test_the_loss_of_mixed_labels_is_the_mix_of_the_losses() -> None:
    images, labels = next(iter(Batches(0)))
    mixing = make_mixing(mixup=0.5, cutmix=0.0, classes=10)
    assert mixing is not None
    with seeded(1):
        mixed, targets = mixing(images, labels)
    share = float(targets[0, labels[0]])
    assert 0.01 < share < 0.99
    torch.testing.assert_close(mixed, share * images + (1 - share) * images.roll(1, 0))
    logits = torch.randn(8, 10, generator=torch.Generator().manual_seed(0))
    losses = [functional.cross_entropy(logits, hard, label_smoothing=0.1) for hard in (labels, labels.roll(1))]
    mean = share * losses[0] + (1 - share) * losses[1]
    torch.testing.assert_close(functional.cross_entropy(logits, targets, label_smoothing=0.1), mean)


def test_the_labels_of_cutmix_are_the_shares_of_the_pixels() -> None:
    images, labels = next(iter(Batches(0)))
    mixing = make_mixing(mixup=0.0, cutmix=1.0, classes=10)
    assert mixing is not None
    with seeded(4):
        mixed, targets = mixing(images, labels)
    own = (mixed == images).float().mean((1, 2, 3))
    other = (mixed == images.roll(1, 0)).float().mean((1, 2, 3))
    assert 0.01 < float(own[0]) < 0.99
    torch.testing.assert_close(own + other, torch.ones(8))
    rows = torch.arange(8)
    expected = torch.zeros(8, 10)
    expected[rows, labels] += own
    expected[rows, labels.roll(1)] += other
    torch.testing.assert_close(targets, expected)


def test_a_training_mixes_with_the_numbers_of_its_seed_epoch_and_step() -> None:
    config = evolve(PLAIN, mixup=0.4)
    trainings = [run(make_training(config), 1), run(make_training(config), 1), run(make_training(PLAIN), 1)]
    other_seed = run(Training(make_network(), config, seed=4, classes=10), 1)
    assert trainings[0].history == trainings[1].history
    assert trainings[0].history not in (trainings[2].history, other_seed.history)
    with pytest.raises(ValueError, match="mixup and cutmix need the number of classes"):
        Training(make_network(), config)


def test_a_view_computes_the_same_in_evaluation_and_has_the_same_state() -> None:
    network = make_network().eval()
    view = training_view(network, dropout=0.3, stochastic_depth=0.5)
    images, _ = next(iter(Batches(0)))
    assert torch.equal(view(images), network(images))
    assert list(view.state_dict()) == list(network.state_dict())
    pairs = zip(view.state_dict(keep_vars=True).values(), network.state_dict(keep_vars=True).values(), strict=True)
    assert all(one.data_ptr() == other.data_ptr() for one, other in pairs)
    assert [type(module) for module in network.modules()] == [type(module) for module in make_network().modules()]
    view.train()
    with seeded(0):
        assert not torch.equal(view(images), network(images))
    # What the view's BatchNorm has seen is what the network's has.
    assert torch.equal(view[0].op[1].running_mean, network[0].op[1].running_mean)
    assert network[0].op[1].num_batches_tracked == 1


def test_drop_rates_grow_linearly_with_depth_and_a_block_drops_whole_images() -> None:
    view = training_view(make_network(), stochastic_depth=0.4)
    dropped = [module for module in view.modules() if isinstance(module, DroppedBlock)]
    blocks = [module for module in make_network().modules() if isinstance(module, Block)]
    residual = [block for block in blocks if block.residual and not isinstance(block.op, Zero)]
    assert len(dropped) == len(residual) > 1
    assert [block.drop.p for block in dropped] == pytest.approx(
        [0.4 * number / len(dropped) for number in range(1, len(dropped) + 1)]
    )
    block = DroppedBlock(nn.Conv2d(2, 2, 1), 0.25).train()
    x = torch.randn(400, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), seeded(0):
        y, whole = block(x), block.op(x) / 0.75
    left_out = torch.tensor([torch.equal(row, image) for row, image in zip(y, x, strict=True)])
    torch.testing.assert_close(y[~left_out], (x + whole)[~left_out])
    assert 60 < int(left_out.sum()) < 140


def test_dropout_stands_before_the_linear_layer() -> None:
    network = make_network()
    view = training_view(network, dropout=0.5).train()
    features = []
    linear = next(module for module in view.modules() if isinstance(module, nn.Linear))
    linear.register_forward_pre_hook(lambda module, inputs: features.append(inputs[0]))
    with seeded(0):
        view(torch.randn(64, 1, 16, 16, generator=torch.Generator().manual_seed(0)))
    zeros = (features[0] == 0).float().mean(dim=0)
    assert float(zeros.min()) > 0.3
    with pytest.raises(ValueError, match=r"the network has no pnas_ops\.Classifier for dropout"):
        training_view(nn.Sequential(nn.Flatten(), nn.Linear(2, 2)), dropout=0.5)


def test_synchronized_statistics_are_those_of_the_network() -> None:
    network = make_network()
    view = training_view(network, synchronized_in=cast(ProcessGroup, object()))  # only kept
    norms = [module for module in view.modules() if isinstance(module, nn.SyncBatchNorm)]
    plain = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == len(plain) > 0
    for norm, own in zip(norms, plain, strict=True):
        assert norm.weight is own.weight
        assert norm.running_var is own.running_var
    assert list(view.state_dict()) == list(network.state_dict())


def test_micro_batches_give_the_step_of_the_whole_batch() -> None:
    networks = []
    for micro_batches in (1, 4):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))
        networks.append(run(make_training(evolve(PLAIN, micro_batches=micro_batches), network), 1).network)
    for one, other in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("config", [PLAIN, EVERYTHING])
def test_statistics_that_were_frozen_on_purpose_stay_so(config: TrainConfig) -> None:
    network = make_network().train()
    frozen_norm, *others = (module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    frozen_norm.eval()
    frozen, learning = bits(frozen_norm.running_mean), bits(others[0].running_mean)
    training = make_training(config, network)
    run(training, 1)
    network.eval()  # as it is judged between two epochs
    run(training, 1)
    assert bits(frozen_norm.running_mean) == frozen
    assert bits(others[0].running_mean) != learning


class Read(TorchDispatchMode):
    """Counts how often the CPU looks at a number that a tensor holds."""

    count = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.count += func is torch.ops.aten._local_scalar_dense.default  # noqa: SLF001
        return func(*args, **kwargs or {})


def test_the_steps_of_a_training_on_a_gpu_do_not_read_what_it_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run(make_training(PLAIN), 1)
    monkeypatch.setattr(Readings, "on", lambda device: Readings(50))  # as for a GPU
    training, at_steps = make_training(PLAIN), []
    with Read() as read:
        training.run_epoch(Batches(0), on_step=lambda: at_steps.append(read.count))
    assert at_steps == [0, 0, 0]
    assert read.count > 0
    assert training.history == plain.history
    assert bits(training.state_dict()) == bits(plain.state_dict())
