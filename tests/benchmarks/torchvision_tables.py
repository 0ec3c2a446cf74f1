"""How far tables of torchvision's nets are from whole nets on ai-edge-litert, and how a search would land by them.

Run with `uv run python tests/benchmarks/torchvision_tables.py FOLDER` on an idle machine: a line of JSON a net. FOLDER
keeps conversions, sessions and tables, so that an interrupted run goes on where it was; `--only resnet18` is one net.
Weights are random: what a net takes does not depend on them. Errors are shares: 0.01 is 1%.
"""

import json
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import torch
from torchvision.models import get_model

from pnas_export import TFLiteDevice
from pnas_latency import (
    MACS,
    Budget,
    LatencyTable,
    Validation,
    land_on_budget,
    measure_net_ms,
    measure_table,
    validation_nets,
)
from pnas_supernet import ModuleSuperNet, Rule, inner_widths, inverted_residuals, search_space_of, with_skip

RULES: dict[str, Callable[[], Rule]] = {
    "resnet18": lambda: with_skip(inner_widths(ratios=(0.25, 0.5, 0.75))),
    "mobilenet_v2": lambda: with_skip(inverted_residuals(kernel_sizes=(3, 5, 7), expansions=(3,))),
    "mobilenet_v3_small": lambda: with_skip(inverted_residuals(kernel_sizes=(3, 5, 7), expansions=(3,))),
    "convnext_tiny": lambda: with_skip(inner_widths(ratios=(0.25, 0.5), kernel_sizes=(3, 5, 7))),
    "lraspp_mobilenet_v3_large": lambda: with_skip(inverted_residuals(kernel_sizes=(3, 5, 7), expansions=(3,))),
}


def supernet_of(name: str, size: int) -> ModuleSuperNet:
    """The space of a net of torchvision, by the rule that is made for its blocks."""
    torch.manual_seed(0)
    options = {"weights_backbone": None} if name.startswith("lraspp") else {}
    net = get_model(name, weights=None, **options)
    return search_space_of(net, torch.zeros(1, 3, size, size), RULES[name](), name=f"{name}-{size}")


def judged(validation: Validation) -> dict[str, float | None]:
    """What a line says of a validation."""
    return {"mape": validation.mape, "bias": validation.bias, "worst": validation.worst, "rank": validation.spearman}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--only", "names", multiple=True, type=click.Choice(list(RULES)), default=list(RULES))
@click.option("--size", default=224, show_default=True, help="Of the images, in pixels.")
@click.option("--fit", default=6, show_default=True, help="Nets to calibrate with.")
@click.option("--held-out", default=20, show_default=True, help="Nets to judge by.")
@click.option("--sessions", default=5, show_default=True, help="Processes that measure.")
def main(folder: Path, names: tuple[str, ...], size: int, fit: int, held_out: int, sessions: int) -> None:
    """Measures a table of each net, judges it, and lands in the middle between the lightest net and the original."""
    folder.mkdir(parents=True, exist_ok=True)
    device = TFLiteDevice(sessions=sessions, cache=folder / "conversions", log=folder / "log.txt")
    for name in names:
        start = time.perf_counter()
        supernet = supernet_of(name, size)
        space, path = supernet.space, folder / f"{name}-{size}.json"
        table = measure_table(
            device,
            space,
            build=supernet.build,
            known=LatencyTable.load(path) if path.exists() else None,
            validation=validation_nets(space, cost=MACS, fit=fit, held_out=held_out),
        )
        table.save(path)
        calibrated = table.calibrated()
        asked_ms = (calibrated.predict_ms(space.lightest) + calibrated.predict_ms(space.original)) / 2
        generator = torch.Generator().manual_seed(0)
        probs = [torch.randn(len(row), generator=generator).softmax(0) for row in space.mixed]
        measure = partial(measure_net_ms, device, build=supernet.build)
        landing = land_on_budget(probs, space, calibrated, Budget(latency_ms=asked_ms), measure, name="landed")
        line = {
            "net": space.name,
            "places": len(space.places),
            "candidates": sum(map(len, space.mixed)),
            "nets": float(math.prod(map(len, space.mixed))),
            "rest_share": table.latency_ms(space.rest) / table.predict_ms(space.lightest),
            "noise_floor": table.noise_floor,
            "as_summed": judged(table.validate()),
            "calibrated": judged(calibrated.validate()),
            "asked_ms": asked_ms,
            "predicted_ms": landing.result.predicted_ms,
            "measured_ms": landing.result.measured_ms,
            "attempts": len(landing.attempts),
            "seconds": round(time.perf_counter() - start),
        }
        click.echo(json.dumps(line))


if __name__ == "__main__":
    main()
