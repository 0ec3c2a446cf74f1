"""What tables say about the devices that they were measured on."""

from collections.abc import Callable
from math import log
from pathlib import Path

import pytest
import yaml
from attrs import evolve

from pnas_latency import (
    MACS,
    LatencyTable,
    NoBlocksError,
    TableEntry,
    Taste,
    TimedBlock,
    read_proxylessnas_yaml,
    taste_of,
    taste_sentences,
)
from pnas_ops import BlockSpec, ConvSpec, MBConvSpec, ModuleWorkload, Workload, digits_mbconv_space, workloads
from tables import DEVICE, measurement, uniform_table

MOBILE = Path(__file__).resolve().parents[3] / ".." / "shared" / "reference" / "mobile_trim.yaml"
SPACE = digits_mbconv_space()


def _table(latency_ms: Callable[[float, Workload], float], *, batch: int = 1) -> LatencyTable:
    """Of a device that takes so long for a block of so many MACs."""
    rows = workloads(SPACE)
    entries = tuple(
        TableEntry(workload=workload, measurement=measurement(latency_ms(macs, workload)))
        for workload, macs in {w: MACS.rows([[w]])[0][0] for row in rows for w in row}.items()
        if macs
    )
    device = evolve(DEVICE, batch=batch)
    return LatencyTable(device=device, measured_on="2025-01-02", entries=entries)


def _block(macs: float, latency_ms: float) -> TimedBlock:
    block = BlockSpec(op=ConvSpec(kernel_size=3), in_channels=8, out_channels=8)
    return TimedBlock(block=block, resolution=8, macs=macs, latency_ms=latency_ms)


def test_blocks_that_compute_are_there_with_their_macs_and_the_classifier_is_not() -> None:
    taste = taste_of(_table(lambda macs, _: macs / 1e6, batch=4), name="board")
    wanted = [row[0] for row in workloads(SPACE)[:-1]] + [w for row in workloads(SPACE)[2:-1] for w in row]
    kinds = {(w.block, w.height) for w in wanted if not w.block.computes_nothing}
    assert {(one.block, one.resolution) for one in taste.blocks} == kinds
    assert (taste.name, taste.device) == ("board", str(evolve(DEVICE, batch=4)))
    # A batch of four is computed in the time of the table.
    assert taste.macs_per_ms == pytest.approx(4e6)


def test_speeds_are_the_macs_of_a_group_by_its_milliseconds() -> None:
    taste = taste_of(_table(lambda macs, workload: 2.0 if workload.height == 16 else 1.0))
    for resolution, speed in taste.speeds(lambda one: one.resolution).items():
        group = [one.macs for one in taste.blocks if one.resolution == resolution]
        assert speed == pytest.approx(sum(group) / len(group) / (2.0 if resolution == 16 else 1.0))


def test_a_device_that_pays_for_each_call_likes_few_large_blocks() -> None:
    launching = taste_of(_table(lambda macs, _: 1.0 + macs / 1e9), name="gpu")
    caching = taste_of(_table(lambda macs, _: macs**2 / 1e12), name="cpu")
    assert launching.size_correlation == pytest.approx(1)
    assert caching.size_correlation == pytest.approx(-1)
    ordered = sorted(one.macs for one in launching.blocks)
    quarter = len(ordered) // 4
    # As many milliseconds in both quarters, but for a thousandth.
    assert launching.size_gain == pytest.approx(sum(ordered[-quarter:]) / sum(ordered[:quarter]), rel=1e-2)
    said = "\n".join(taste_sentences([launching, caching]))
    assert "gpu: the quarter of blocks with most MACs is computed " in said
    assert "(rank correlation of speed and MACs +1.00): it likes few large blocks." in said
    assert "(rank correlation of speed and MACs -1.00): it likes many small blocks." in said
    assert said.endswith("Of these, gpu likes large blocks most (+1.00), cpu least (-1.00).")


def test_a_device_that_computes_all_alike_likes_nothing() -> None:
    taste = Taste(name="even", device="even", blocks=(_block(1, 1), _block(2, 2), _block(4, 4)))
    assert taste.size_correlation is None
    assert taste.size_gain == 1
    assert taste_sentences([taste, taste]) == (
        *["even: the quarter of blocks with most MACs is computed 1.00 times as fast as that with fewest (rank "
        "correlation of speed and MACs +0.00): it does not care how large blocks are."] * 2,
        "In this the devices do not differ.",
    )  # fmt: skip


def test_a_price_is_that_of_pairs_of_blocks_alike_in_all_but_the_option() -> None:
    def latency_ms(macs: float, workload: Workload) -> float:
        op, side = workload.block.op, workload.height
        if not isinstance(op, MBConvSpec):
            return 1.0
        # Seven by seven costs twice as much at 16 pixels and as much at 4; expansion 6 three times as much as 3.
        return {3: 1.0, 5: 1.5, 7: {16: 2.0, 8: 1.4, 4: 1.0}[side]}[op.kernel_size] * {1: 1, 3: 1, 6: 3}[op.expansion]

    taste = taste_of(_table(latency_ms))
    kernels = taste.prices("kernel_size", large=7, small=3)
    assert [*kernels] == [16, 8, 4]
    assert [one.time for one in kernels.values()] == pytest.approx([2.0, 1.4, 1.0])
    assert [one.time for one in taste.prices("expansion", large=6, small=3).values()] == pytest.approx([3.0] * 3)
    # At 4 pixels there are blocks 48->48 alone: (2 c h + k^2 h) / (2 c h + 9 h) for any expansion, c = 48.
    assert kernels[4].macs == pytest.approx((96 + 49) / (96 + 9))
    assert kernels[4].pairs == 2
    said = taste_sentences([taste])
    assert said[1].startswith("  kernel 7 takes 2.00 times as long as 3 at 16 pixels (")
    assert said[1].endswith("times the MACs), 1.00 at 4 (1.38): a large kernel costs less where the map is small.")
    assert said[2].endswith("a large expansion costs as much where the map is small.")


def test_the_table_of_the_original_says_that_large_kernels_cost_less_where_the_map_is_small() -> None:
    if not MOBILE.exists():
        pytest.skip("the original's table is not here")
    table = read_proxylessnas_yaml(MOBILE)
    some = [entry for entry in table.entries if entry.workload.name.startswith("mb3")]
    prices = taste_of(evolve(table, entries=tuple(some))).prices("kernel_size", large=7, small=3)
    raw = yaml.safe_load(MOBILE.read_text())
    for size in (112, 14):
        pairs = [
            log(raw[key.replace("kernel:3", "kernel:7")]["mean"] / entry["mean"])
            for key, entry in raw.items()
            if key.startswith(f"expanded_conv-input:{size}x{size}x") and "expand:3-kernel:3" in key
        ]
        assert log(prices[size].time) == pytest.approx(sum(pairs) / len(pairs))
    assert prices[112].time > 1.4 > 1.3 > prices[7].time


def test_tables_without_blocks_are_refused() -> None:
    somebodys = ModuleWorkload(title="5x5", operators=("conv 5",), input_shapes=((1, 3, 8, 8),), macs=75)
    for workload in (workloads(SPACE)[-1][0], somebodys):
        entries = (TableEntry(workload=workload, measurement=measurement(1.0)),)
        with pytest.raises(
            NoBlocksError, match=r"holds no blocks that compute: name one that the command table wrote$"
        ):
            taste_of(evolve(uniform_table(SPACE), entries=entries))
