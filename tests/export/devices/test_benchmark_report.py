"""Reports of benchmark_model, as builds of several years print them."""

import pytest

from pnas_export.devices.benchmark_report import has_benchmark_report, read_benchmark_report
from pnas_ops import Measurement

# Printed on real machines, and quoted in public: a board (2021), two phones (2021 and later).
BOARD = """\
STARTING!
Num threads: [4]
Loaded model ./mobilenet_v1_1.0_224.tflite
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
count=1 curr=3512391

Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
count=50 first=2990275 curr=2913402 min=2727568 max=3189954 avg=2.95034e+06 std=109798

Inference timings in us: Init: 17187, First inference: 3512391, Warmup (avg): 3.51239e+06, Inference (avg): 2.95034e+06
Memory footprint delta from the start of the tool (MB): init=4.21094 overall=46.0859
"""
PHONE = """\
I tflite  : Signature to run: []
count=3 first=235158 curr=200386 min=199462 max=235158 avg=211669 std=16613 p5=199462 median=200386 p95=235158
count=25 first=187533 curr=140990 min=140071 max=195121 avg=145528 std=13583 p5=140545 median=141253 p95=187533
I tflite  : Inference timings in us: Init: 92318, First inference: 187533, Warmup (avg): 211669, Inference (avg): 145528
I tflite  : Memory footprint delta from the start of the tool (MB): init=54.2852 overall=73.4102
"""


def test_a_report_with_percentiles() -> None:
    assert has_benchmark_report(PHONE)
    found = read_benchmark_report(PHONE, statistic="p10")
    # One ninth of the way from the 5th to the 50th percentile, four ninths, and five ninths from there to the 95th.
    assert found.latency_ms == pytest.approx(140.545 + 0.708 / 9)
    assert found.p25_ms == pytest.approx(140.545 + 0.708 * 4 / 9)
    assert found.median_ms == 141.253
    assert found.p75_ms == pytest.approx(141.253 + 46.28 * 5 / 9)
    assert (found.count, found.overhead_ms) == (25, 0.0)


def test_the_mean_may_stand_for_the_latency() -> None:
    assert read_benchmark_report(PHONE, statistic="avg").latency_ms == 145.528


def test_a_report_without_percentiles() -> None:
    found = read_benchmark_report(BOARD, statistic="avg")
    assert found.latency_ms == found.median_ms == 2950.34
    # 0.6745 standard deviations.
    assert found.p25_ms == pytest.approx(2950.34 - 74.0587, abs=1e-3)
    assert found.p75_ms == pytest.approx(2950.34 + 74.0587, abs=1e-3)
    assert found.count == 50


def test_quartiles_stay_within_the_extremes() -> None:
    lines = "count=2 curr=1\ncount=50 first=9 curr=10 min=9 max=900 avg=30 std=125"
    found = read_benchmark_report(lines, statistic="avg")
    assert (found.p25_ms, found.p75_ms) == (0.009, pytest.approx(0.030 + 0.6745 * 0.125))


def test_a_report_without_percentiles_is_refused_when_they_are_asked_for() -> None:
    with pytest.raises(ValueError, match=r"has no p5 and median: take a newer build, or ask for the statistic 'avg'"):
        read_benchmark_report(BOARD, statistic="p10")


@pytest.mark.parametrize("statistic", ["p10", "avg"])
def test_runs_that_all_took_the_same_time(statistic: str) -> None:
    lines = "count=300 first=4 curr=3 min=2 max=9 avg=3.1 std=1\ncount=50 curr=3(all same)\n"
    assert read_benchmark_report(lines, statistic=statistic) == Measurement(  # type: ignore[arg-type]
        latency_ms=0.003, p25_ms=0.003, median_ms=0.003, p75_ms=0.003, count=50
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Segmentation fault", "it printed no report of benchmark_model"),
        (BOARD.partition("\n\n")[0], "breaks off after the warm-up: 'count=1 curr=3512391'"),
        (
            "count=1 curr=5\ncount=50 first=2 curr=1 min=1 max=9",
            "lacks avg, std: 'count=50 first=2 curr=1 min=1 max=9'",
        ),
    ],
)
def test_what_is_no_report_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        read_benchmark_report(text, statistic="p10")
