"""What a net costs by means that have no gradient: measured whole, or the size of its file."""

from functools import cache, partial
from pathlib import Path

from pnas_apps.ground.errors import UserError
from pnas_apps.steps.objective import Cost
from pnas_export import architecture_signatures, chain_signatures, convert_workloads
from pnas_latency import Device, LatencyTable, measure_net_ms
from pnas_ops import AnyNet, AnySpace, Architecture, ModuleBuilder, Space, workloads


def measured_ms(device: Device, table: LatencyTable, build: ModuleBuilder | None = None) -> Cost:
    """The latency of a whole net on a device, with the cost of a call, in milliseconds; each net is measured once.

    Args:
        device: where to measure.
        table: at whose speed of the machine it is told, where it is that device's.
        build: makes the nets of a `ModuleSpace`.
    """
    probe_ms = table.probe_ms if table.device == device.info else None
    return cache(partial(measure_net_ms, device, build=build, probe_ms=probe_ms))


def check_file_bytes(space: AnySpace) -> None:
    """Raises a UserError for a space of edges, whose blocks are too many to be converted beforehand, and of modules."""
    if not space.of_whole_blocks:
        raise UserError(
            f"space {space.name!r} has too many blocks to know their file sizes: give another --objective-reward-cost"
        )


def file_bytes(space: Space, *, conversions: Path | None, log: Path | None) -> Cost:
    """The size of a net's float32 TFLite file in bytes, as the file is.

    Raises:
        UserError: as `check_file_bytes`.
    """
    check_file_bytes(space)
    blocks = {w for row in workloads(space) for w in row if not w.computes_nothing}
    converted = convert_workloads(sorted(blocks, key=str), cache=conversions, log=log)

    @cache
    def measure(architecture: AnyNet) -> float:
        assert isinstance(architecture, Architecture)
        return float(len(chain_signatures(converted, architecture_signatures(architecture))))

    return measure


def make_cost(
    name: str, space: Space, table: LatencyTable, device: Device, *, conversions: Path | None, log: Path | None
) -> Cost:
    """The cost that `ObjectiveConfig.reward_cost` names."""
    match name:
        case "measured":
            return measured_ms(device, table)
        case "file-bytes":
            return file_bytes(space, conversions=conversions, log=log)
        case _:
            return table.metric().of
