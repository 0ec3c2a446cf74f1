"""A search takes the memory of ordinary training: bytes that autograd keeps for backward, on the ImageNet space."""

from collections.abc import Callable, Sequence

import pytest
import torch
from attrs import evolve
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pnas_ops import MBConvSpec, OpSpec, Space, Zero, imagenet_mbconv_space
from pnas_supernet import (
    ExactGate,
    GatePath,
    MixedOp,
    Mixture,
    SinglePath,
    SuperNet,
    TwoPathGate,
    active_paths,
    alpha_parameters,
    arch_step,
    extract,
    frozen_parameters,
    sample_paths,
    sample_single,
    saved_bytes,
    weight_parameters,
)

RESOLUTION, BATCH = 64, 2
FLOAT = 4


def kept(network: nn.Module, images: Tensor, paths: Sequence[GatePath] = ()) -> int:
    """Bytes kept for the backward pass, parameters, buffers and images apart."""
    with active_paths(network, paths):
        return saved_bytes(lambda: network(images), besides=[*network.parameters(), *network.buffers(), images])


def kept_in_arch_step(supernet: SuperNet, images: Tensor, paths: Sequence[GatePath]) -> int:
    with frozen_parameters(weight_parameters(supernet)):
        return kept(supernet, images, paths)


def make_supernet(candidates: Sequence[OpSpec] | None = None) -> SuperNet:
    space = imagenet_mbconv_space(resolution=RESOLUTION)
    if candidates is not None:
        space = evolve(space, candidates=tuple(candidates))
    supernet = SuperNet(space, generator=torch.Generator().manual_seed(0))
    return supernet.to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def images() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(BATCH, 3, RESOLUTION, RESOLUTION, generator=generator)
    return images.to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def supernet() -> SuperNet:
    return make_supernet()


def sampled(supernet: SuperNet, seed: int) -> list[int]:
    paths = sample_paths(supernet, sample_single, torch.Generator().manual_seed(seed))
    return [path.members[0] for path in paths]


def other_than(choices: Sequence[int], space: Space) -> list[int]:
    return [(choice + 1) % len(blocks) for choice, blocks in zip(choices, space.mixed, strict=True)]


@pytest.mark.parametrize("seed", range(5))
def test_a_weight_step_keeps_what_ordinary_training_of_the_path_keeps(
    supernet: SuperNet, images: Tensor, seed: int
) -> None:
    choices = sampled(supernet, seed)
    alone = extract(supernet, supernet.space.architecture(choices)).train()
    with frozen_parameters(alpha_parameters(supernet)):
        assert kept(supernet, images, [SinglePath(c) for c in choices]) == kept(alone, images)


@pytest.mark.parametrize("seed", range(5))
def test_an_arch_step_keeps_at_most_a_tenth_more(supernet: SuperNet, images: Tensor, seed: int) -> None:
    choices = sampled(supernet, seed)
    with frozen_parameters(alpha_parameters(supernet)):
        ordinary = kept(supernet, images, [SinglePath(c) for c in choices])
    exact = kept_in_arch_step(supernet, images, [ExactGate(c) for c in choices])
    pairs = zip(choices, other_than(choices, supernet.space), strict=True)
    two_path = kept_in_arch_step(supernet, images, [TwoPathGate(c, other) for c, other in pairs])
    assert 0 < exact <= 1.1 * ordinary
    assert 0 < two_path <= 1.1 * ordinary


@pytest.fixture(scope="module")
def few_and_many() -> tuple[SuperNet, SuperNet]:
    """Supernets of 2 and of 12 candidates a block, of which the first two are the same."""
    common = [MBConvSpec(kernel_size=3, expansion=3), MBConvSpec(kernel_size=5, expansion=6)]
    all_twelve = [MBConvSpec(kernel_size=k, expansion=e) for e in (3, 4, 6) for k in (3, 5, 7, 9)]
    few, many = make_supernet(common), make_supernet([*common, *(spec for spec in all_twelve if spec not in common)])
    assert {len(blocks) for blocks in few.space.mixed} == {2}
    assert {len(blocks) for blocks in many.space.mixed} == {12}
    return few, many


def test_a_step_keeps_the_same_for_2_and_for_12_candidates(
    few_and_many: tuple[SuperNet, SuperNet], images: Tensor
) -> None:
    few, many = few_and_many
    choices = [index % 2 for index in range(21)]
    single = [SinglePath(choice) for choice in choices]
    assert kept(many, images, single) == kept(few, images, single)
    two_path = [TwoPathGate(choice, 1 - choice) for choice in choices]
    assert kept_in_arch_step(many, images, two_path) == kept_in_arch_step(few, images, two_path)
    exact = [ExactGate(choice) for choice in choices]
    more_probabilities = 21 * (12 - 2) * FLOAT
    assert kept_in_arch_step(many, images, exact) == kept_in_arch_step(few, images, exact) + more_probabilities


def test_the_mixture_of_darts_keeps_all_candidates(few_and_many: tuple[SuperNet, SuperNet], images: Tensor) -> None:
    few, many = few_and_many
    of_few = kept_in_arch_step(few, images, [Mixture(2)] * 21)
    of_many = kept_in_arch_step(many, images, [Mixture(12)] * 21)
    assert of_many > 5 * of_few


@pytest.mark.parametrize("active", [0, 1])
def test_a_gate_keeps_its_output_and_the_probabilities_beside_what_the_active_candidate_keeps(active: int) -> None:
    candidates = [nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.Sigmoid()), nn.Conv2d(4, 4, 1), Zero()]
    op = MixedOp(candidates).requires_grad_(False)
    op.alpha.requires_grad_(True)
    x = torch.randn(2, 4, 6, 6, requires_grad=True)
    alone = saved_bytes(lambda: candidates[active](x), besides=[x, *op.parameters()])
    keeps_its_output = active == 0  # as the sigmoid does anyway
    output = 0 if keeps_its_output else x.numel() * FLOAT
    with active_paths(op, [ExactGate(active)]):
        gated = saved_bytes(lambda: op(x), besides=[x, *op.parameters()])
    assert gated == alone + output + len(candidates) * FLOAT


def test_a_gate_keeps_the_probabilities_alone_where_zero_is_active() -> None:
    op = MixedOp([nn.Conv2d(4, 4, 1), Zero()])
    x = torch.randn(2, 4, 6, 6, requires_grad=True)
    with active_paths(op, [ExactGate(1)]):
        assert saved_bytes(lambda: op(x), besides=[x, *op.parameters()]) == 2 * FLOAT


def test_saved_bytes_counts_storages_once_and_leaves_out_what_exists() -> None:
    x = torch.randn(10, requires_grad=True)
    assert saved_bytes(lambda: x.exp()) == 10 * FLOAT  # keeps its result
    assert saved_bytes(lambda: x * x) == 10 * FLOAT  # keeps x, which is one storage, twice
    assert saved_bytes(lambda: x * x, besides=[x]) == 0
    assert saved_bytes(lambda: (x.exp() * x[:5].sin()[0]).sum(), besides=[x]) == 10 * FLOAT + 5 * FLOAT
    with torch.no_grad():
        assert saved_bytes(lambda: x.exp()) == 0


@pytest.mark.gpu
@pytest.mark.parametrize("path", [ExactGate, lambda choice: TwoPathGate(choice, 0)], ids=["exact", "two-path"])
def test_the_peak_on_a_gpu_is_that_of_ordinary_training(path: Callable[[int], GatePath]) -> None:
    supernet = make_supernet().cuda()
    images = torch.randn(64, 3, 224, 224, device="cuda").to(memory_format=torch.channels_last)
    labels = torch.randint(1000, (64,), device="cuda")
    choices = [1] * 21
    alone = extract(supernet, supernet.space.architecture(choices)).train()
    optimizer = torch.optim.SGD(alpha_parameters(supernet), lr=0.1)

    def peak(step: Callable[[], object]) -> int:
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        step()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before

    ordinary = peak(lambda: cross_entropy(alone(images), labels).backward())
    paths = [path(choice) for choice in choices]
    arch = peak(lambda: arch_step(supernet, images, labels, paths=paths, loss=cross_entropy, optimizer=optimizer))
    assert arch <= 1.1 * ordinary
