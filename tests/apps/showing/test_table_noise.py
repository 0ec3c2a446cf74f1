"""What a report says of noisy measurements: of those alone that the prediction of its net depends on."""

from attrs import evolve

from pnas_apps.showing.table_noise import noise_line
from pnas_latency import LatencyTable
from pnas_ops import AnyWorkload, Architecture, digits_mbconv_space, workloads
from tables import uniform_table

SPACE = digits_mbconv_space()
TABLE = uniform_table(SPACE)


def with_noisy(*noisy: AnyWorkload) -> LatencyTable:
    entries = (
        evolve(entry, measurement=evolve(entry.measurement, noisy=entry.workload in noisy)) for entry in TABLE.entries
    )
    return evolve(TABLE, entries=tuple(entries))


def test_of_a_net_only_its_own_blocks_are_told() -> None:
    first, last = (SPACE.architecture([choice] * 6) for choice in (0, 1))
    blocks = [{workload for row in workloads(net) for workload in row} for net in (first, last)]
    (own, *_), (other, *_) = (sorted(blocks[0] - blocks[1], key=str), sorted(blocks[1] - blocks[0], key=str))

    def told(table: LatencyTable, *nets: Architecture) -> list[bool]:
        line = noise_line(table, *nets) or ""
        return [str(workload) in line for workload in (own, other)]

    table = with_noisy(own, other)
    assert (told(table), told(table, first), told(table, last)) == ([True, True], [True, False], [False, True])
    assert told(table, first, last) == [True, True]
    assert noise_line(with_noisy(other), first) is None
    assert noise_line(TABLE) is None
