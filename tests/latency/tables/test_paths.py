"""A path may be a text or a `pathlib.Path`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pnas_latency import (
    LatencyTable,
    TableEntry,
    read_ofa_yaml,
    read_proxylessnas_yaml,
    write_ofa_yaml,
    write_proxylessnas_yaml,
)
from pnas_ops import BlockSpec, FilePath, MBConvSpec, Workload
from tables import DEVICE, measurement


class OtherPath:
    """A path of some other library."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


def table_with(activation: str) -> LatencyTable:
    """One block that each kind of file has a name for."""
    op = MBConvSpec(kernel_size=3, expansion=3, activation=activation)  # type: ignore[arg-type]
    workload = Workload(block=BlockSpec(op=op, in_channels=8, out_channels=8), height=4, width=4)
    entry = TableEntry(workload=workload, measurement=measurement(1.5))
    return LatencyTable(device=DEVICE, measured_on="2025-01-02", entries=(entry,))


@pytest.mark.parametrize("make", [str, Path, OtherPath])
@pytest.mark.parametrize(
    ("write", "read", "activation"),
    [
        (LatencyTable.save, LatencyTable.load, "relu6"),
        (write_proxylessnas_yaml, read_proxylessnas_yaml, "relu6"),
        (write_ofa_yaml, read_ofa_yaml, "hswish"),
    ],
)
def test_a_text_a_path_and_anything_that_is_one_name_the_same_file(
    write: Callable[[LatencyTable, FilePath], None],
    read: Callable[[FilePath], LatencyTable],
    activation: str,
    make: Callable[[Path], FilePath],
    tmp_path: Path,
) -> None:
    table, folder = table_with(activation), tmp_path / "new folder"
    write(table, make(folder / "table"))
    assert [path.name for path in folder.iterdir()] == ["table"]
    found = read(make(folder / "table"))
    assert found == read(folder / "table")
    assert [entry.measurement.latency_ms for entry in found.entries] == [1.5]

    (folder / "table").write_text("}")
    with pytest.raises(ValueError, match=f"^{folder / 'table'}: "):
        read(str(folder / "table"))
