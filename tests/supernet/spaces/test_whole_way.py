"""From somebody's net to the net that was found: space, imitation, search under a cost, derivation."""

from pathlib import Path

import torch
from torch import nn

from pnas_latency import expected_cost
from pnas_ops import Batches
from pnas_supernet import (
    GateStep,
    ModuleSuperNet,
    ProxylessNAS,
    SearchConfig,
    SinglePath,
    active_paths,
    alpha_parameters,
    derive,
    extract,
    imitate,
    inverted_residuals,
    mixed_ops,
    sample_exact_gate,
    search_space_of,
    with_skip,
)
from small_nets import output, settled, small_mobilenet_v3

CONFIG = SearchConfig(warmup_epochs=0, epochs=2, arch_interval=1, alpha_lr=0.5, weight_lr=0.01)


def batches(seed: int, count: int) -> Batches:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(5, (count, 8), generator=generator)
    noise = torch.randn(count, 8, 3, 16, 16, generator=generator)
    return list(zip(noise + labels.view(count, 8, 1, 1, 1) - 2, labels, strict=True))


def space_of_a_net() -> ModuleSuperNet:
    torch.manual_seed(0)
    rule = with_skip(inverted_residuals(kernel_sizes=(3, 5), expansions=(2, 3)))
    return search_space_of(
        settled(small_mobilenet_v3()),
        torch.zeros(1, 3, 16, 16),
        replace=rule,
        name="mine",
        generator=torch.Generator().manual_seed(0),
    )


def search_of(supernet: nn.Module, costs: list[list[float]]) -> ProxylessNAS:
    step = GateStep(sample_exact_gate, lambda loss, probs: loss + 2.0 * expected_cost(probs, costs))
    return ProxylessNAS(supernet, CONFIG, arch_step=step, generator=torch.Generator().manual_seed(1))


def test_a_net_becomes_the_net_that_costs_less(tmp_path: Path) -> None:
    supernet = space_of_a_net()
    space = supernet.space
    errors = imitate(supernet, batches(2, 3))
    assert all(one.after <= one.before for one in errors)

    most = sum(max(one.macs for one in row) for row in space.mixed)
    costs = [[one.macs / most for one in row] for row in space.mixed]
    search = search_of(supernet, costs)
    alphas = [alpha.detach().clone() for alpha in alpha_parameters(supernet)]
    before = expected_cost([op.probs for op in mixed_ops(supernet)], costs).item()
    search.run_epoch(batches(3, 12), batches(4, 2))
    assert expected_cost([op.probs for op in mixed_ops(supernet)], costs).item() < before
    assert all(not torch.equal(now, was) for now, was in zip(alpha_parameters(supernet), alphas, strict=True))

    found = derive(supernet, name="found")
    net = extract(supernet, found).eval()
    image = torch.randn(2, 3, 16, 16)
    assert output(net, image).isfinite().all()
    built = supernet.build(found)
    assert torch.equal(output(built, image), output(net, image))
    with active_paths(supernet, [SinglePath(choice) for choice in space.choices(found)]):
        assert torch.equal(output(supernet.eval(), image), output(net, image))
    assert sum(one.macs for place in found.places for one in place.candidates) < sum(
        place.candidates[0].macs for place in space.original.places
    )

    # A search of it goes on from a checkpoint, and one of another space is refused.
    search.save(tmp_path / "search.pt")
    again = search_of(space_of_a_net(), costs)
    assert again.resume(tmp_path / "search.pt")
    search.run_epoch(batches(3, 3), batches(4, 2))
    again.run_epoch(batches(3, 3), batches(4, 2))
    assert all(torch.equal(a, b) for a, b in zip(supernet.parameters(), again.network.parameters(), strict=True))
