"""The command that says what devices like to compute."""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

import click

from pnas_apps.cli.option_types import NamedPath
from pnas_apps.cli.verb import verb
from pnas_apps.ground.errors import UserError
from pnas_lab.options import output_options
from pnas_lab.output import Output

if TYPE_CHECKING:
    from rich.table import Table

    from pnas_latency import LatencyTable, Taste
    from pnas_ops import Architecture

_YAML = (".yaml", ".yml")


@verb(examples=("phone.json gpu.json", "table.json --picture taste.png"))
@click.argument("tables", metavar="TABLE...", nargs=-1, required=True, type=NamedPath())
@output_options
def taste(tables: tuple[Path, ...], output: Output) -> None:
    """Say what devices like to compute, by their latency tables alone: MACs in a millisecond.

    TABLE is a file that the command `table` of the programs wrote, or one of ProxylessNAS or Once-for-All that ends in
    .yaml. Beside --picture FILE.png comes FILE-nets.png: the nets that ProxylessNAS found for a GPU, a CPU and a phone.
    """
    from pnas_apps.ground.progress import reporter_on_stdout
    from pnas_latency import draw_tastes, taste_of, taste_sentences
    from pnas_ops import draw_architectures, released, save_figure

    stems = [path.stem for path in tables]
    names = stems if len(set(stems)) == len(stems) else [str(path) for path in tables]
    found = [taste_of(_read(path), name=name) for path, name in zip(tables, names, strict=True)]
    nets = [released("proxyless_gpu"), released("proxyless_cpu"), released("proxyless_mobile")]
    with reporter_on_stdout() as reporter:
        output.put(
            reporter,
            document=_document(found),
            shown=lambda: [_speeds(found), *taste_sentences(found), "", _nets(nets)],
            figure=lambda: draw_tastes(found),
        )
        if output.picture is not None:
            save_figure(draw_architectures(nets), output.picture.with_stem(f"{output.picture.stem}-nets"))


def _read(path: Path) -> "LatencyTable":
    from pnas_apps.devices.known_tables import read_table
    from pnas_latency import read_ofa_yaml, read_proxylessnas_yaml

    if path.suffix not in _YAML:
        return read_table(path)
    if not path.is_file():
        raise UserError(f"there is no file {path}: name another table")
    try:
        return read_proxylessnas_yaml(path)
    except ValueError as error:
        try:
            return read_ofa_yaml(path)
        except ValueError:
            raise error from None


def _speeds(tastes: "Sequence[Taste]") -> "Table":
    """Tables of speed by operation and by map size; the picture has both at once."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title="Million MACs in a millisecond", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for one in tastes:
        table.add_column(one.name, justify="right")
    blocks = [block for one in tastes for block in one.blocks]
    sizes = sorted({block.resolution for block in blocks}, reverse=True)
    of_operations = [one.speeds(lambda block: str(block.block.op)) for one in tastes]
    of_sizes = [one.speeds(lambda block: f"{block.resolution} pixels") for one in tastes]
    for names, speeds in (
        (sorted({str(block.block.op) for block in blocks}), of_operations),
        ([f"{size} pixels" for size in sizes], of_sizes),
    ):
        for name in names:
            table.add_row(name, *(f"{found[name] / 1e6:.3g}" if name in found else "-" for found in speeds))
        table.add_section()
    table.add_row("all blocks", *(f"{one.macs_per_ms / 1e6:.3g}" for one in tastes))
    return table


def _nets(nets: "Sequence[Architecture]") -> "Table":
    """How large the blocks of nets are."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from pnas_latency import MACS
    from pnas_ops import MBConvSpec, workloads

    table = Table(
        title="What ProxylessNAS found for a GPU, a CPU and a phone",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("net", no_wrap=True)
    for heading in (
        "blocks",
        "M MACs\na block",
        "mean\nkernel",
        "mean\nexpansion",
        "7x7 from\n28 pixels",
        "7x7\nbelow",
    ):
        table.add_column(heading, justify="right")
    for net in nets:
        blocks = [row[0] for row in workloads(net)[2:-1] if not row[0].computes_nothing]
        ops = [op for one in blocks if isinstance(op := one.block.op, MBConvSpec)]
        large = [one.height for one in blocks if one.block.op.kernel_size == 7]
        table.add_row(
            net.name,
            f"{len(blocks)}",
            f"{mean(MACS.rows([[one]])[0][0] for one in blocks) / 1e6:.1f}",
            f"{mean(op.kernel_size for op in ops):.1f}",
            f"{mean(op.expansion for op in ops):.1f}",
            f"{sum(size >= 28 for size in large)}",
            f"{sum(size < 28 for size in large)}",
        )
    return table


def _document(tastes: "Sequence[Taste]") -> list[dict[str, object]]:
    from pnas_latency import taste_sentences

    return [
        {
            "name": one.name,
            "device": one.device,
            "macs_per_ms": one.macs_per_ms,
            "size_rank_correlation": one.size_correlation,
            "size_gain": one.size_gain,
            "blocks": [
                {
                    "operation": str(block.block.op),
                    "resolution_pixels": block.resolution,
                    "macs": block.macs,
                    "latency_ms": block.latency_ms,
                }
                for block in one.blocks
            ],
            "says": list(taste_sentences([one])),
        }
        for one in tastes
    ]
