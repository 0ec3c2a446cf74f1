"""What `pnas-lab scale` prints and draws."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from attrs import asdict, frozen
from rich.table import Table

from pnas_apps.ground.progress import Reporter
from pnas_lab.output import Output
from pnas_lab.tables import in_bytes, plain_table, short
from pnas_latency import MACS, PARAMETERS
from pnas_ops import (
    DIMENSIONS,
    Architecture,
    ArchitectureError,
    CompoundScaling,
    Dimension,
    architecture_account,
    draw_compound_grid,
    draw_scalings,
    multiple_alone,
    scaled,
)

Item = TypeVar("Item")


@frozen(kw_only=True)
class _Scaled:
    """A net and what it costs, as JSON has it; activations in float32."""

    net: str
    depth: float
    width: float
    resolution: float
    blocks: int
    resolution_pixels: int
    macs: int
    parameters: int
    peak_activation_bytes: int

    @property
    def costs(self) -> dict[str, int]:
        return {"MACs": self.macs, "parameters": self.parameters, "peak activation": self.peak_activation_bytes}


@frozen(kw_only=True)
class _Candidate:
    """Coefficients of a grid, and what their net costs at phi = 1."""

    alpha: float
    beta: float
    gamma: float
    growth: float
    resolution_pixels: int
    macs: int
    macs_ratio: float
    parameters: int


def show_scalings(
    net: Architecture, coefficients: CompoundScaling, phi: float, output: Output, reporter: Reporter
) -> None:
    """The net, scaled in all dimensions together and in each of them alone, for as many MACs.

    Raises:
        ArchitectureError: for coefficients that the net cannot be scaled by.
    """
    together = coefficients.multiples(phi)
    macs = MACS.of(scaled(net, **together))
    multiples: dict[str, dict[Dimension, float]] = {net.name: {}, "compound": together}
    left_out = []
    for dimension in _with_progress(DIMENSIONS, output, reporter):
        try:
            multiples[f"{dimension} alone"] = {dimension: multiple_alone(net, dimension, macs, count=MACS.of)}
        except ArchitectureError as error:
            left_out.append(f"{dimension} alone: {error}")
    rows = [_row(name, net, one) for name, one in multiples.items()]
    ratios = {row.net: {cost: value / rows[0].costs[cost] for cost, value in row.costs.items()} for row in rows}
    output.put(
        reporter,
        document={
            "phi": phi,
            **asdict(coefficients),
            "growth": coefficients.growth,
            "activation_dtype": "float32",
            "nets": list(map(asdict, rows)),
            "left_out": left_out,
        },
        shown=lambda: [
            _table(f"{net.name}, phi = {phi:g}; activations in float32", rows, ratios),
            f"alpha beta² gamma² = {coefficients.growth:.2f}, to the power of phi {coefficients.growth**phi:.2f}; "
            "the rest is rounding: blocks of a stage and maps up, channels to multiples of 8",
            *left_out,
        ],
        figure=lambda: draw_scalings(f"{net.name}, phi = {phi:g}", ratios),
    )


def _row(name: str, net: Architecture, multiples: dict[Dimension, float]) -> _Scaled:
    made = scaled(net, **multiples) if multiples else net
    account = architecture_account(made, dtype="float32")
    return _Scaled(
        net=name,
        depth=multiples.get("depth", 1.0),
        width=multiples.get("width", 1.0),
        resolution=multiples.get("resolution", 1.0),
        blocks=sum(not block.computes_nothing for block in made.blocks),
        resolution_pixels=made.resolution,
        macs=account.macs,
        parameters=account.parameters,
        peak_activation_bytes=account.peak_activation_bytes,
    )


def _table(title: str, rows: Sequence[_Scaled], ratios: Mapping[str, Mapping[str, float]]) -> Table:
    table = plain_table(title)
    table.add_column("net", overflow="fold")
    for heading in ("depth", "width", "blocks", "image", "MACs", "", "params", "", "peak", ""):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        texts = (short(row.macs), short(row.parameters), in_bytes(row.peak_activation_bytes))
        costs = zip(texts, ratios[row.net].values(), strict=True)
        table.add_row(
            row.net,
            f"{row.depth:.2f}",
            f"{row.width:.2f}",
            f"{row.blocks}",
            f"{row.resolution_pixels}",
            *(text for value, ratio in costs for text in (value, f"{ratio:.2f}x")),
        )
    return table


def show_grid(net: Architecture, grid: Sequence[CompoundScaling], output: Output, reporter: Reporter) -> None:
    """Shows the net with each set of coefficients.

    Raises:
        ArchitectureError: for coefficients that the net cannot be scaled by.
    """
    base = MACS.of(net)
    candidates = [_candidate(net, one, base) for one in _with_progress(grid, output, reporter)]
    output.put(
        reporter,
        document={"net": net.name, "phi": 1, "macs": round(base), "candidates": list(map(asdict, candidates))},
        shown=lambda: [
            _grid_table(net.name, candidates),
            "Only training shows which of them is best: these numbers say nothing about accuracy.",
        ],
        figure=lambda: draw_compound_grid(net.name, grid, [one.macs_ratio for one in candidates]),
    )


def _candidate(net: Architecture, coefficients: CompoundScaling, base: float) -> _Candidate:
    made = scaled(net, **coefficients.multiples(1))
    macs = MACS.of(made)
    return _Candidate(
        **asdict(coefficients),
        growth=coefficients.growth,
        resolution_pixels=made.resolution,
        macs=round(macs),
        macs_ratio=macs / base,
        parameters=round(PARAMETERS.of(made)),
    )


def _grid_table(name: str, candidates: Sequence[_Candidate]) -> Table:
    table = plain_table(f"{name}, phi = 1: alpha of the depth, beta of the width, gamma of the resolution")
    for heading in ("alpha", "beta", "gamma", "alpha beta²\ngamma²", "image", "MACs", "", "params"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in candidates:
        table.add_row(
            f"{one.alpha:g}",
            f"{one.beta:g}",
            f"{one.gamma:g}",
            f"{one.growth:.2f}",
            f"{one.resolution_pixels}",
            short(one.macs),
            f"{one.macs_ratio:.2f}x",
            short(one.parameters),
        )
    return table


def _with_progress(items: Sequence[Item], output: Output, reporter: Reporter) -> Iterable[Item]:
    """The items, with progress where that does not get into the JSON."""
    return items if output.as_json else reporter.counted("scaling", items, len(items), "nets")
