"""A whole search of widths, depths, resolutions and operations: found within a budget, taken out and trained."""

import torch
from attrs import evolve
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn.functional import interpolate

from digits_net import train
from pnas_latency import MACS, Budget, Constraint, ExpectedObjective, Limit, choose_within_budget, land_on_budget
from pnas_ops import MBConvSpec, NetworkStage, architecture_macs, build_network, digits_network_space
from pnas_supernet import (
    GateStep,
    ProxylessNAS,
    SearchConfig,
    SuperNet,
    accuracy,
    alpha_parameters,
    extract,
    sample_exact_gate,
)
from tables import uniform_table

FULL = digits_network_space()
SPACE = evolve(
    FULL,
    resolutions=(8, 12),
    stages=(
        NetworkStage(widths=(8, 16), depths=(1, 2), stride=2),
        NetworkStage(widths=(16, 24), depths=(1, 2), stride=2),
    ),
    candidates=(MBConvSpec(kernel_size=3, expansion=3), MBConvSpec(kernel_size=5, expansion=3)),
    head=evolve(FULL.head, in_channels=24),
)
IMAGES = 1200


def digits(resolution: int) -> tuple[Tensor, Tensor]:
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32)[:, None] / 8 - 1
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return interpolate(images, (resolution, resolution), mode="bilinear")[order], torch.tensor(data.target)[order]


def test_a_network_level_space_is_searched_within_a_budget() -> None:
    images, labels = digits(SPACE.resolution)
    generator = torch.Generator().manual_seed(0)
    supernet = SuperNet(SPACE, generator=generator)
    batches = [*zip(images[:IMAGES].split(60), labels[:IMAGES].split(60), strict=True)]
    most = MACS.of(SPACE.widest)
    objective = ExpectedObjective(SPACE, [(MACS, Constraint(at_most=0.35 * most))])
    config = SearchConfig(warmup_epochs=1, epochs=3, arch_interval=1, alpha_lr=0.1)
    search = ProxylessNAS(supernet, config, arch_step=GateStep(sample_exact_gate, objective), generator=generator)
    while search.epochs_left:
        search.run_epoch(batches[:14], batches[14:])
    probs = [alpha.softmax(0).detach() for alpha in alpha_parameters(supernet)]
    assert MACS.expected(probs, SPACE) < 0.7 * most

    net = choose_within_budget(probs, SPACE, [Limit(metric=MACS, at_most=0.3 * most)], name="found")

    assert SPACE.has(net)
    assert MACS.of(net) == architecture_macs(net) <= 0.3 * most
    found = extract(supernet, net)
    own_images, _ = digits(net.resolution)
    train(found, own_images[:IMAGES], labels[:IMAGES], torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert accuracy(found.eval()(own_images[IMAGES:]), labels[IMAGES:]) > 0.9
    # What is exported is a net like any other.
    build_network(net).load_state_dict(found.state_dict())

    table = uniform_table(SPACE)
    landing = land_on_budget(probs, SPACE, table, Budget(latency_ms=6.0, macs=0.3 * most))
    taken = landing.result.architecture
    assert table.predict_ms(taken) <= 6.0
    assert MACS.of(taken) <= 0.3 * most
