"""The nets inside a supernet."""

import copy

import pytest
import torch
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from pnas_ops import MBConvSpec, SearchSpace, build_network, digits_mbconv_space
from pnas_supernet import (
    MixedOp,
    SinglePath,
    SuperNet,
    active_paths,
    alpha_parameters,
    derive,
    extract,
    extract_candidates,
    initialize_alphas,
    mixed_ops,
    sample_paths,
    sample_single,
    weight_parameters,
    weight_step,
)
from strategies import choices, search_spaces


def randomize_statistics(network: nn.Module) -> None:
    """Running statistics other than those that BatchNorm starts with, so that mixing them up shows."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), search_spaces(), st.integers(0, 2**20))
def test_the_extracted_net_equals_the_supernet_on_its_path(data: st.DataObject, space: SearchSpace, seed: int) -> None:
    picks = data.draw(choices(space))
    torch.manual_seed(seed)
    supernet = SuperNet(space)
    randomize_statistics(supernet)
    supernet.eval()
    before = copy.deepcopy(supernet.state_dict())
    architecture = space.architecture(picks)
    network = extract(supernet, architecture)
    images = torch.randn(2, space.in_channels, space.resolution, space.resolution)
    with torch.no_grad(), active_paths(supernet, [SinglePath(pick) for pick in picks]):
        assert torch.equal(network(images), supernet(images))
    rebuilt = build_network(architecture)
    rebuilt.load_state_dict(network.state_dict())
    with torch.no_grad():
        assert torch.equal(rebuilt.eval()(images), network(images))
    assert not mixed_ops(network)
    for parameter in network.parameters():
        parameter.data.zero_()
    for name, tensor in supernet.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_derive_takes_the_most_probable_candidates_and_changes_nothing() -> None:
    space = digits_mbconv_space()
    supernet = SuperNet(space, generator=torch.Generator().manual_seed(0))
    wanted = [0, 6, 3, 5, 1, 2]
    with torch.no_grad():
        for alpha, choice in zip(alpha_parameters(supernet), wanted, strict=True):
            alpha[choice] = 1.0
    before = copy.deepcopy(supernet.state_dict())
    architecture = derive(supernet, name="mine")
    assert space.choices(architecture) == tuple(wanted)
    assert architecture.name == "mine"
    assert all(torch.equal(tensor, before[name]) for name, tensor in supernet.state_dict().items())


def test_the_same_generator_gives_the_same_weights() -> None:
    space = digits_mbconv_space()
    first, second, other = (SuperNet(space, generator=torch.Generator().manual_seed(s)).state_dict() for s in (1, 1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_extraction_works_in_any_module() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ModuleDict({"op": MixedOp([nn.ReLU(), nn.Tanh()])})["op"])
    extracted = extract_candidates(network, [1])
    assert isinstance(extracted[1], nn.Tanh)
    assert isinstance(extract_candidates(MixedOp([nn.ReLU(), nn.Tanh()]), [0]), nn.ReLU)
    with pytest.raises(ValueError, match="has 1 mixed operations, got 2 choices"):
        extract_candidates(network, [0, 1])


def test_a_space_of_one_candidate_is_an_ordinary_net() -> None:
    space = evolve(digits_mbconv_space(), candidates=(MBConvSpec(kernel_size=3, expansion=3),))
    supernet = SuperNet(space, generator=torch.Generator().manual_seed(0))
    ordinary = build_network(derive(supernet), generator=torch.Generator().manual_seed(0))
    images, labels = torch.randn(8, 1, 16, 16), torch.arange(8)
    generator = torch.Generator().manual_seed(1)
    optimizers = [torch.optim.SGD(weights, lr=0.1) for weights in (weight_parameters(supernet), ordinary.parameters())]
    for _ in range(2):
        paths = sample_paths(supernet, sample_single, generator)
        weight_step(supernet, images, labels, paths=paths, loss=cross_entropy, optimizer=optimizers[0])
        optimizers[1].zero_grad()
        cross_entropy(ordinary(images), labels).backward()
        optimizers[1].step()
    trained = extract(supernet, derive(supernet)).state_dict()
    assert all(torch.equal(tensor, trained[name]) for name, tensor in ordinary.state_dict().items())


def test_a_net_of_another_space_is_refused() -> None:
    supernet = SuperNet(digits_mbconv_space())
    other = digits_mbconv_space(2.0)
    with pytest.raises(ValueError, match="is not in space 'digits-mbconv-1'"):
        extract(supernet, other.architecture([0] * 6))


def test_alphas_start_at_normal_numbers_of_a_thousandth() -> None:
    network = nn.Sequential(*[MixedOp([nn.ReLU()] * count) for count in (2, 7, 1)])
    for std in (1e-3, 0.5):
        generator = torch.Generator().manual_seed(0)
        expected = [torch.randn(count, generator=generator) * std for count in (2, 7, 1)]
        torch.manual_seed(0)
        for source in (None, torch.Generator().manual_seed(0)):
            if std == 1e-3:
                initialize_alphas(network, generator=source)
            else:
                initialize_alphas(network, std=std, generator=source)
            assert all(torch.equal(a, b) for a, b in zip(alpha_parameters(network), expected, strict=True))
    supernet = SuperNet(digits_mbconv_space())
    drawn = torch.cat([alpha.detach() for alpha in alpha_parameters(supernet)])
    assert 0 < drawn.abs().max() < 6e-3  # a normal number is beyond 6 std once in 500 million draws
