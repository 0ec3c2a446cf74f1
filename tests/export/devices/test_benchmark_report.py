"""Reports of benchmark_model, as builds of several years print them."""

import pytest

from pnas_export.devices.benchmark_report import Statistic, has_benchmark_report, read_benchmark_report
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
# Of a net in a microcontroller's SDK (2021), with the tables of operators: its runs took 58.3 us.
PROFILED = """\
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
count=6746 first=129 curr=43 min=34 max=1039 avg=39.1513 std=17

Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
count=2254 first=85 curr=60 min=51 max=85 avg=58.311 std=2

Inference timings in us: Init: 2450, First inference: 129, Warmup (avg): 39.1513, Inference (avg): 58.311
Profiling Info for Benchmark Initialization:
\t         AllocateTensors\t            0.000\t    0.147\t    0.147\t100.000%\t100.000%\t     0.000\t        1

Number of nodes executed: 1
Timings (microseconds): count=1 curr=147
Memory (bytes): count=0
1 nodes observed

Operator-wise Profiling Info for Regular Benchmark Runs:
\t             [Node type]\t  [count]\t  [avg ms]\t    [avg %]\t    [cdf %]\t  [mem KB]\t[times called]
\t         FULLY_CONNECTED\t        4\t     0.029\t    69.048%\t    69.048%\t     0.000\t        3

Timings (microseconds): count=2254 first=70 curr=47 min=37 max=70 avg=45.5075 std=2
Memory (bytes): count=0
8 nodes observed
"""
# Of LiteRT's own build (2025), which writes "INFO: " before what it says and nothing before its tables.
LITERT = """\
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=358 first=1927 curr=1370 min=1363 max=1927 avg=1386.31 std=38 p5=1366 median=1377 p95=1428

INFO: Running benchmark for at least 1000 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=1000 first=1407 curr=1370 min=1362 max=1452 avg=1379.64 std=14 p5=1365 median=1373 p95=1409

INFO: [./litert/tools/benchmark_litert_model.h:179]
============================== Summary by node type ==============================
\t          Fully Connected (NC, F32) GEMM\t        1\t     1.268\t    97.090%\t    97.090%\t     0.000\t        1

Timings (microseconds): count=1357 first=1807 curr=1295 min=1291 max=1807 avg=1307.19 std=21
Memory (bytes): count=0
5 nodes observed
"""
LOG_PREFIXES = (
    "INFO: ",
    "   INFO: ",
    "I tflite  : ",
    "I/tflite  (25289): ",
    "07-14 13:23:08.980 25289 25289 I tflite  : ",
    "07-14 13:23:08.980 I/tflite  ( 289): ",
    "2025-07-14 13:23:08.980 +0200 25289 25289 I tflite  : ",
    "2018-09-10 12:36:37.576738: I tensorflow/tools/benchmark/benchmark_model.cc:340] ",
    "I0714 13:23:08.980123   25289 benchmark_model.cc:220] ",
)


@pytest.mark.parametrize(
    ("report", "statistic", "latency_ms"),
    [(PROFILED, "avg", 0.058311), (LITERT, "avg", 1.37964), (LITERT, "p10", 1.365 + 0.008 / 9)],
)
def test_the_tables_of_operators_are_no_runs(report: str, statistic: Statistic, latency_ms: float) -> None:
    assert read_benchmark_report(report, statistic=statistic).latency_ms == pytest.approx(latency_ms)


@pytest.mark.parametrize("prefix", LOG_PREFIXES)
def test_a_log_may_write_its_prefix_before_every_line(prefix: str) -> None:
    report = "".join(prefix + line for line in PROFILED.splitlines(keepends=True))
    assert read_benchmark_report(report, statistic="avg") == read_benchmark_report(PROFILED, statistic="avg")
    assert not has_benchmark_report(
        f"{prefix}Timings (microseconds): count=1 curr=147\n{prefix}Memory (bytes): count=0"
    )


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


@pytest.mark.parametrize("runs", ["count=50 curr=3(all same)", "count=50 curr=3(all same) p5=3 median=3 p95=3"])
@pytest.mark.parametrize("statistic", ["p10", "avg"])
def test_runs_that_all_took_the_same_time(statistic: str, runs: str) -> None:
    lines = f"count=300 first=4 curr=3 min=2 max=9 avg=3.1 std=1\n{runs}\n"
    assert read_benchmark_report(lines, statistic=statistic) == Measurement(  # type: ignore[arg-type]
        latency_ms=0.003, p25_ms=0.003, median_ms=0.003, p75_ms=0.003, count=50
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it printed no report of benchmark_model"),
        ("Segmentation fault", "it printed no report of benchmark_model"),
        ("Timings (microseconds): count=9 curr=5\nMemory (bytes): count=0", "it printed no report of benchmark_model"),
        ("count=1 curr=5\ncount=0", "lacks avg, max, min, std: 'count=0'"),
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
