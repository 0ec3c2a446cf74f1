"""Each device gets its own net: the nets of several runs, each measured on the devices of all of them.

Run with `uv run python tests/benchmarks/specialize.py RUN...` on an idle machine, with the folders of runs of
`pnas-cifar10 search` or `pnas-imagenet search` on one space and the same images, one for each device:

    --device torch-cuda,mode=graph,batch=8    --device tflite    --device onnxruntime

Each is to be asked for the same share of what one and the same net takes on its device: a net of a larger budget is
slower everywhere.

A machine with a GPU may lack the converters, and others the GPU: what is measured is kept in --kept FILE, from which
the next machine takes it. What nobody has measured yet is what the device's own table predicts, and marked so.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean

import click
from attrs import evolve, frozen
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pnas_apps.devices.device_names import parse_device
from pnas_apps.ground.cache import find_cache
from pnas_apps.ground.errors import UserError
from pnas_apps.run.folder import SEARCHED
from pnas_apps.run.results import RunResults
from pnas_apps.run.run_folder import RunFolder
from pnas_latency import LatencyTable, MissingWorkloadsError
from pnas_ops import (
    Architecture,
    MBConvSpec,
    architecture_macs,
    architecture_parameters,
    draw_architectures,
    load_json,
    save_figure,
    to_json,
    write_atomically,
)

Cells = dict[str, dict[str, float]]
"""Milliseconds, by the device and the net."""


@frozen(kw_only=True, eq=False)
class Home:
    """A run: a device, its table, and the net that was searched for it.

    Attributes:
        device: as the command line names it.
        asked_ms: its budget; None where it had none.
        accuracy: of the net on the test images; None where it was not trained.
    """

    device: str
    table: LatencyTable
    net: Architecture
    asked_ms: float | None
    accuracy: float | None

    @property
    def key(self) -> str:
        """What stands for the net, whatever it is called."""
        return hashlib.sha256(to_json(evolve(self.net, name="")).encode()).hexdigest()[:12]


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--kept", type=click.Path(path_type=Path), default=Path("specialized.json"), show_default=True)
@click.option("--picture", type=click.Path(path_type=Path), default=Path("specialized.png"), show_default=True)
def main(runs: tuple[Path, ...], kept: Path, picture: Path) -> None:
    """Measures what can be measured here, prints both tables, and draws the nets, each with the costs of its device."""
    console, homes = Console(), [read_home(run) for run in runs]
    cells: Cells = json.loads(kept.read_text()) if kept.exists() else {}
    for run, home in zip(runs, homes, strict=True):
        column = cells.setdefault(str(home.table.device), {})
        lacking = [one for one in homes if one.key not in column]
        try:
            column |= dict(measured(run, home, lacking))
        except UserError as error:
            console.print(f"{home.device} is not measured here: {error}", soft_wrap=True)
        write_atomically(kept, json.dumps(cells, indent=1) + "\n")
    console.print(cross_table(homes, cells), shape_table(homes))
    save_figure(draw_architectures([home.table.priced(home.net) for home in homes]), picture)


def read_home(run: Path) -> Home:
    """What a run left."""
    folder = RunFolder(run)
    settings, table = folder.read_settings(), LatencyTable.load(folder.table)
    accuracy = None
    if folder.results.exists():
        nets = load_json(folder.results, RunResults).nets
        accuracy = next(net.test_accuracy for net in nets if net.name == SEARCHED)
    return Home(
        device=settings.device.name,
        table=table,
        net=evolve(load_json(folder.architecture, Architecture), name=f"for {settings.device.name}"),
        asked_ms=settings.budget.latency_ms,
        accuracy=accuracy,
    )


def measured(run: Path, home: Home, homes: Sequence[Home]) -> Iterator[tuple[str, float]]:
    """The nets of `homes` on the device of `home`, side by side.

    Raises:
        UserError: where that device is not here, or is another than the one of the table.
    """
    if not homes:
        return
    asked = RunFolder(run).read_settings().device
    device = parse_device(asked.name, threads=asked.threads, dtype=asked.dtype, cache=find_cache(None), log=None)
    if device.info != home.table.device:
        raise UserError(f"here it is {device.info}, and the net was searched on {home.table.device}")
    keys = {one.net: one.key for one in homes}
    for net, found in device.measure([], nets=list(keys)):
        assert isinstance(net, Architecture)
        yield keys[net], found.latency_ms + found.overhead_ms


def cross_table(homes: Sequence[Home], cells: Cells) -> Table:
    """Every net on every device; the fastest on each is marked."""
    table = Table(title="Milliseconds of each net on each device", box=SIMPLE_HEAD, title_justify="left")
    table.add_column("net")
    columns, at_home = [], 0
    for device in homes:
        table.add_column(f"{device.device}\n({device.table.device.images})", justify="right")
        column = [latency_ms(device, one, cells) for one in homes]
        fastest = min((ms for ms, _ in column if ms is not None), default=None)
        at_home += latency_ms(device, device, cells)[0] == fastest
        columns.append([shown(ms, note + ("*" if ms == fastest else "")) for ms, note in column])
    for index, home in enumerate(homes):
        table.add_row(home.net.name, *(column[index] for column in columns))
    table.caption = f"*: the fastest there; at home on {at_home} of {len(homes)}.  ~: predicted by the device's table"
    return table


def latency_ms(device: Home, home: Home, cells: Cells) -> tuple[float | None, str]:
    """What a net takes on a device, with a mark where that is a prediction."""
    found = cells.get(str(device.table.device), {}).get(home.key)
    if found is not None:
        return found, ""
    try:
        return device.table.predict_ms(home.net), "~"
    except MissingWorkloadsError:
        return None, ""


def shape_table(homes: Sequence[Home]) -> Table:
    """How deep the nets are, and how wide: of inverted residuals that compute, means over the blocks."""
    table = Table(title="What they look like", box=SIMPLE_HEAD, title_justify="left")
    table.add_column("net")
    for heading in ("asked\nms", "blocks", "kernel", "expan-\nsion", "hidden\nwidth", "MACs", "values", "right"):
        table.add_column(heading, justify="right")
    for home in homes:
        blocks = [block for block in home.net.blocks if not block.computes_nothing]
        ops = [(block, block.op) for block in blocks if isinstance(block.op, MBConvSpec)]
        table.add_row(
            home.net.name,
            shown(home.asked_ms),
            f"{len(blocks)}",
            f"{mean(op.kernel_size for _, op in ops):.2f}" if ops else "-",
            f"{mean(op.expansion for _, op in ops):.2f}" if ops else "-",
            f"{mean(block.in_channels * op.expansion for block, op in ops):.0f}" if ops else "-",
            f"{architecture_macs(home.net) / 1e6:.1f} M",
            f"{architecture_parameters(home.net) / 1e6:.2f} M",
            "-" if home.accuracy is None else f"{home.accuracy:.2%}",
        )
    return table


def shown(ms: float | None, note: str = "") -> str:
    """A cell."""
    return "-" if ms is None else f"{ms:.4f}{note}"


if __name__ == "__main__":
    main()
