"""Tables that are there already."""

from pathlib import Path

from pnas_apps.ground.errors import UserError
from pnas_latency import LatencyTable
from pnas_ops import DeviceInfo, FormatError, UnknownOperationError

MEASURE_AGAIN = "move it away to measure again"
"""What to do about a damaged table that would be measured if it were missing."""

_NAME_ANOTHER = "name another table"


def read_table(path: Path, *, way_out: str = _NAME_ANOTHER) -> LatencyTable:
    """A table that `LatencyTable.save` wrote.

    Args:
        path: of its file.
        way_out: where the file is not a table.

    Raises:
        UserError: naming a file that is not there or not a table.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder, not a table: {_NAME_ANOTHER}")
    try:
        return LatencyTable.load(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): {_NAME_ANOTHER}") from None
    except UnknownOperationError as error:
        raise UserError(
            f"{error.what}: give the file that defines them with --ops, or install the package that has them"
        ) from None
    except FormatError as error:
        if path.suffix in (".yaml", ".yml"):
            raise UserError(
                f"{path} is YAML, like the tables of ProxylessNAS and Once-for-All: read it with "
                "read_proxylessnas_yaml or read_ofa_yaml of pnas_latency, save it, and name that file"
            ) from None
        raise UserError(f"{error.what}: {way_out}") from None


def read_table_of(device: DeviceInfo, path: Path, *, way_out: str = _NAME_ANOTHER) -> LatencyTable:
    """The table in a file, which must be of one device.

    Raises:
        UserError: as `read_table`, and for a table of another device.
    """
    table = read_table(path, way_out=way_out)
    if table.device != device:
        raise UserError(f"{path} is a table of {table.device}, not of {device}: name another file, or that device")
    return table
