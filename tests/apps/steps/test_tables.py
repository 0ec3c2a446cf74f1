"""The table command: measured on tflite and by a stand-in for a board, gone on with, merged, judged and drawn."""

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from attrs import evolve
from click.testing import CliRunner, Result
from PIL import Image

from command_line import assert_refused
from pnas_apps.devices import cached_tables
from pnas_apps.devices.cached_tables import cached_table, lacking, whole_cached_table
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_cifar10.cli import main
from pnas_export import CommandDevice, DeviceError, TFLiteDevice, convert_workloads
from pnas_export.devices import file_device, tflite_device
from pnas_latency import LatencyTable
from pnas_ops import Architecture, Measurement, Workload, digits_mbconv_space, workloads
from stand_ins import write_bench
from tables import DEVICE, measurement, uniform_table

SPACE = digits_mbconv_space()
WORKLOADS = list(dict.fromkeys(w for row in workloads(SPACE) for w in row if not w.block.computes_nothing))


@pytest.fixture(scope="module")
def model(conversions: Path) -> bytes:
    return convert_workloads(WORKLOADS, cache=conversions)


@pytest.fixture
def converted(model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks of the space are converted already, whichever of them are asked for."""

    def convert(wanted: Sequence[Workload], *, build: None, cache: Path | None, log: Path | None) -> bytes:
        assert set(wanted) <= set(WORKLOADS)
        return model

    monkeypatch.setattr(tflite_device, "convert_workloads", convert)
    monkeypatch.setattr(file_device, "convert_workloads", convert)


def make(path: Path, *arguments: str | Path, nets: tuple[int, int] = (2, 4)) -> Result:
    fit, held_out = map(str, nets)
    given = ["table", path, "--space", "digits", "--fit", fit, "--held-out", held_out]
    given += ["--cache-dir", path.parent / "cache", *arguments]
    return CliRunner().invoke(main, [str(part) for part in given])


@pytest.mark.slow
@pytest.mark.usefixtures("converted")
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_a_table_of_tflite_with_the_nets_that_judge_it(
    dtype: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / "new" / "digits.json"
    assert make(path, "--dtype", dtype).exit_code == 0
    table = LatencyTable.load(path)
    assert table.device == evolve(TFLiteDevice().info, dtype=dtype)
    assert list(table.measurements) == WORKLOADS
    assert [(entry.held_out, entry.band) for entry in table.nets] == [(False, False)] * 2 + [(True, False)] * 2 + [
        (True, True)
    ] * 2
    assert table.calibration == evolve(table, calibration=None).calibrated().calibration

    printed = capfd.readouterr().out
    assert f"27 workloads and 6 nets in {path}, 33 of them measured now" in printed
    assert f"whole nets (noise floor {table.noise_floor:.2%})" in printed
    summed = evolve(table, calibration=None)
    rows = re.findall(
        r"^ (as summed|  narrow band|calibrated) +(\d+) +([\d.]+)% +([\d.]+) +([-+][\d.]+)%", printed, re.M
    )
    expected = [
        (name, str(found.nets), f"{100 * found.mape:.2f}", f"{found.rmse_ms:.4f}", f"{100 * found.bias:+.2f}")
        for name, found in (
            ("as summed", summed.validate()),
            ("  narrow band", summed.validate(band=True)),
            ("calibrated", table.validate()),
            ("  narrow band", table.validate(band=True)),
        )
    ]
    assert rows == expected
    # Paths are not broken, so that they can be copied.
    assert max(len(line) for line in printed.splitlines() if str(tmp_path) not in line and "noisy" not in line) <= 80
    Image.open(path.with_suffix(".png")).verify()
    assert f"predicted and measured latency: {path.with_suffix('.png')}" in printed


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """What the stand-in was called with, one line a call."""
    return tmp_path / "board" / "calls.txt"


@pytest.fixture
def board(calls: Path) -> str:
    """A device that takes as many milliseconds as a file has bytes; the path of its program is always the same."""
    calls.parent.mkdir()
    return f"cmd,probe=no:{write_bench(calls.parent, 'SIZE')} {{model}}"


def count(calls: Path) -> int:
    return len(calls.read_text().splitlines())


@pytest.mark.slow
@pytest.mark.usefixtures("converted")
def test_going_on_measures_nothing_twice(
    board: str, calls: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "digits.json"
    assert make(path, "--device", board).exit_code == 0
    # The cost of a call, then every block and every net.
    assert count(calls) == 1 + 27 + 6
    table, content = LatencyTable.load(path), path.read_bytes()
    assert list(table.measurements) == WORKLOADS
    # Each file was timed once, so that nothing is known about noise.
    assert "whole nets (noise floor not measured)" in capfd.readouterr().out

    assert make(path, "--device", board).exit_code == 0
    assert count(calls) == 1 + 27 + 6
    assert path.read_bytes() == content
    assert f"27 workloads and 6 nets in {path}, 0 of them measured now" in capfd.readouterr().out

    assert make(path, "--device", board, nets=(2, 8)).exit_code == 0
    more = LatencyTable.load(path)
    assert (more.entries, more.nets[:6]) == (table.entries, table.nets)
    assert len(more.nets) > 6
    assert count(calls) == 1 + 27 + 6 + 1 + len(more.nets) - 6
    assert more.calibration == evolve(more, calibration=None).calibrated().calibration


@pytest.mark.usefixtures("converted")
@pytest.mark.parametrize(
    ("runs", "entries", "nets", "what"),
    [(0, 0, 0, "an empty call"), (10, 9, 0, "block "), (30, 27, 2, "net 'random-1'")],
)
def test_what_was_measured_before_the_device_failed_is_kept(
    runs: int, entries: int, nets: int, what: str, board: str, calls: Path, tmp_path: Path
) -> None:
    path = tmp_path / "digits.json"
    write_bench(calls.parent, "SIZE", runs=runs)
    result = make(path, "--device", board)
    way_out = f"; the measurements so far are in {path}, and the same command resumes" if runs else ""
    assert_refused(
        result, f"did not time {what}.*it ended with code 3 .*: run it by hand to see why{re.escape(way_out)}\n"
    )
    assert path.exists() == (entries > 0)
    before = LatencyTable.load(path) if runs else None
    assert before is None or (len(before.entries), len(before.nets)) == (entries, nets)

    calls.unlink()
    write_bench(calls.parent, "SIZE")
    assert make(path, "--device", board).exit_code == 0
    assert count(calls) == 1 + (27 - entries) + (6 - nets)
    table = LatencyTable.load(path)
    assert sorted(map(str, table.measurements)) == sorted(map(str, WORKLOADS))
    assert len(table.nets) == 6
    if before is not None:
        assert table.entries[:entries] == before.entries
        assert table.nets[:nets] == before.nets


def halves(board: str, folder: Path) -> tuple[Path, Path, LatencyTable]:
    """A table of the board, in two files."""
    device = CommandDevice(template=board.removeprefix("cmd,probe=no:")).info
    whole = evolve(uniform_table(SPACE, 2.0), device=device)
    paths = (folder / "first.json", folder / "second.json")
    for path, part in zip(paths, (slice(0, 13), slice(13, None)), strict=True):
        evolve(whole, entries=whole.entries[part]).save(path)
    return *paths, whole


def test_tables_of_the_device_are_taken_over(board: str, calls: Path, tmp_path: Path) -> None:
    first, second, whole = halves(board, tmp_path)
    merged = tmp_path / "merged.json"
    assert make(merged, "--device", board, "--merge", first, "--merge", second, nets=(0, 0)).exit_code == 0
    assert LatencyTable.load(merged) == whole
    assert make(first, "--device", board, "--merge", second, nets=(0, 0)).exit_code == 0
    assert LatencyTable.load(first) == whole
    assert not calls.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["FIRST", "--device", "BOARD", "--threads", "2"],
            "FIRST is a table of command .*1 thread.*2 threads.*: name ano",
        ),
        (
            ["FIRST", "--device", "BOARD", "--dtype", "int8"],
            "FIRST is a table of command .*, float32, .*, int8, .* name",
        ),
        (["FIRST"], "FIRST is a table of command .*, not of ai-edge-litert .*: name another file, or that device"),
        (
            ["FIRST", "--device", "BOARD --fast"],
            "FIRST is a table of command .* --fast: name another",
        ),
        (["NEW", "--merge", "FIRST"], "FIRST is a table of command .*, not of ai-edge-litert"),
        (["NEW", "--merge", "NOWHERE"], r"NOWHERE cannot be read \(No such file or directory\): name another table"),
        (
            ["NEW", "--merge", "FOLDER"],
            "FOLDER is a folder, not a table: name another table",
        ),
        (["DAMAGED"], "DAMAGED: not JSON.*: move it away to measure again, or name another table$"),
        (["NEW", "--merge", "DAMAGED"], "DAMAGED: not JSON.*: name another table$"),
        (
            ["NEW", "--merge", "OTHERS"],
            "OTHERS is YAML, like the tables of ProxylessNAS .*: read it with read_proxylessnas_yaml or",
        ),
        (["FOREIGN"], "FOREIGN: .*: move it away to measure again, or name another table$"),
        (["NEW", "--device", "abacus"], "there is no device 'abacus': name one of torch-cpu, torch-cuda, tflite, "),
        (
            ["NEW", "--device", "onnxruntime", "--dtype", "int8"],
            "device onnxruntime does not measure 'int8': it has float32",
        ),
        (["NEW", "--device", "cmd:no-bench {model}"], "there is no program 'no-bench' here"),
        (["NEW", "--resolution", "2"], "resolution 2 of 'digits-mbconv-1' is used up before block"),
        (["NEW", "--width-mult", "nan"], "width"),
        (["NEW", "--width-mult", "inf"], "width"),
        (["FOLDER/table.png"], r"table\.png cannot name a table: give a name that ends in \.json"),
        ([""], r"\. cannot name a table: give a name that ends in \.json"),
        (["FIRST/new.json"], "File exists|Not a directory"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_touched(
    arguments: list[str],
    message: str,
    board: str,
    calls: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second, _ = halves(board, tmp_path)
    damaged, foreign = tmp_path / "damaged.json", tmp_path / "foreign.json"
    damaged.write_text(second.read_text()[:-40])
    foreign.write_text("[1, 2]")
    places = {"FIRST": first, "NEW": tmp_path / "new.json", "NOWHERE": tmp_path / "nowhere.json", "BOARD": board}
    others = tmp_path / "mobile_trim.yaml"
    others.write_text("Conv-input:224x224x3-output:112x112x32:\n  count: 982\n  mean: 4.08\n  var: 0.25\n")
    places |= {"DAMAGED": damaged, "FOREIGN": foreign, "FOLDER": tmp_path, "OTHERS": others}
    given = arguments
    for name, place in places.items():
        given = [part.replace(name, str(place)) for part in given]
        message = message.replace(name, re.escape(str(place)))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert_refused(make(Path(given[0]), *given[1:]), message)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_noisy_measurements_are_named(
    board: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, _, whole = halves(board, tmp_path)
    noisy = [evolve(entry, measurement=evolve(entry.measurement, noisy=True)) for entry in whole.entries[:6]]
    path = tmp_path / "noisy.json"
    evolve(whole, entries=(*noisy, *whole.entries[6:])).save(path)
    assert make(path, "--device", board, nets=(0, 0)).exit_code == 0
    names = "; ".join(str(entry.workload) for entry in noisy[:5])
    printed = capfd.readouterr().out
    said = f"  6 measurements of the table stayed noisy when repeated ({names} and 1 more), so predictions from"
    assert f"{said} them may be far off. If you can, measure a new table while the machine is idle" in printed


class SlowNets:
    """Takes a millisecond for a block, and for a net a tenth more than its blocks take."""

    info = DEVICE

    def __init__(self) -> None:
        self.measured: list[Workload | Architecture] = []

    def measure(
        self, rows: Sequence[Sequence[Workload]], *, nets: Sequence[Architecture] = (), progress: object = None
    ) -> Iterator[tuple[Workload | Architecture, Measurement]]:
        blocks = dict.fromkeys(workload for row in rows for workload in row)
        self.measured += [*blocks, *nets]
        yield from ((block, measurement(1.0)) for block in blocks)
        for net in nets:
            yield net, measurement(1.1 * sum(not block.computes_nothing for block in net.blocks))


def test_a_table_that_was_measured_in_an_earlier_way_is_not_used(
    tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = SlowNets()
    monkeypatch.setattr(cached_tables, "_PROTOCOL", 3)
    cached_table(device, SPACE, Cache(tmp_path), reporter)
    assert whole_cached_table(device.info, SPACE, Cache(tmp_path)) is not None
    monkeypatch.undo()
    assert whole_cached_table(device.info, SPACE, Cache(tmp_path)) is None


def test_a_cached_table_is_calibrated_with_nets_of_its_own_space(tmp_path: Path, reporter: Reporter) -> None:
    device = SlowNets()
    first = cached_table(device, SPACE, Cache(tmp_path), reporter)
    assert sum(isinstance(one, Architecture) for one in device.measured) == len(first.nets) > 3
    other_space = digits_mbconv_space(0.5)
    other = cached_table(device, other_space, Cache(tmp_path), reporter)
    for space, table in ((SPACE, first), (other_space, other)):
        net = space.architecture([0] * 6)
        assert table.predict_ms(net) == pytest.approx(1.1 * len(net.blocks))
        assert all(space.has(entry.architecture) for entry in table.nets)
    device.measured.clear()
    assert cached_table(device, SPACE, Cache(tmp_path), reporter).nets == first.nets
    assert not device.measured


def test_what_is_noisy_in_the_cache_is_measured_again(
    tmp_path: Path, reporter: Reporter, capfd: pytest.CaptureFixture[str]
) -> None:
    class Noisy(SlowNets):
        def measure(self, *rows: object, **options: object) -> Iterator[tuple[Workload | Architecture, Measurement]]:
            for index, (one, found) in enumerate(super().measure(*rows, **options)):  # type: ignore[arg-type]
                yield one, evolve(found, latency_ms=9.0, noisy=True) if index in (3, 30) else found

    cache, device = Cache(tmp_path), SlowNets()
    first = cached_table(Noisy(), SPACE, cache, reporter)
    noisy = [entry.workload for entry in first.entries if entry.measurement.noisy]
    nets = [entry.architecture for entry in first.nets if entry.measurement.noisy]
    assert len(noisy) == len(nets) == 1
    assert whole_cached_table(DEVICE, SPACE, cache) is None
    assert lacking(DEVICE, SPACE, cache).count == 1
    found = cached_table(device, SPACE, cache, reporter)
    assert device.measured == [*noisy, *nets]
    assert {entry.measurement.latency_ms for entry in found.entries} == {1.0}
    assert whole_cached_table(DEVICE, SPACE, cache) == found


class Failing(SlowNets):
    """Gives up, by an error of its own, after so many measurements."""

    def __init__(self, after: int, error: BaseException) -> None:
        super().__init__()
        self._after, self._error = after, error

    def measure(self, *rows: object, **options: object) -> Iterator[tuple[Workload | Architecture, Measurement]]:
        for index, one in enumerate(super().measure(*rows, **options)):  # type: ignore[arg-type]
            if index == self._after:
                raise self._error
            yield one


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DeviceError("the board is gone", "connect it")])
def test_a_run_that_is_interrupted_keeps_what_was_measured(
    error: BaseException, tmp_path: Path, reporter: Reporter
) -> None:
    expected = "^$|board is gone: connect it; the measurements so far are kept, and the same command resumes$"
    with pytest.raises((KeyboardInterrupt, UserError), match=expected):
        cached_table(Failing(10, error), SPACE, Cache(tmp_path), reporter)
    assert whole_cached_table(DEVICE, SPACE, Cache(tmp_path)) is None
    device = SlowNets()
    table = cached_table(device, SPACE, Cache(tmp_path), reporter)
    assert len(device.measured) == 27 - 10 + len(table.nets)
    assert whole_cached_table(DEVICE, SPACE, Cache(tmp_path)) == table


def test_a_killed_run_keeps_what_was_measured(
    tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_tables, "SECONDS_BETWEEN_SAVES", -1.0)
    cache, as_killed = tmp_path / "cache", tmp_path / "as killed"

    class Killed(SlowNets):
        def measure(self, *rows: object, **options: object) -> Iterator[tuple[Workload | Architecture, Measurement]]:
            for index, one in enumerate(super().measure(*rows, **options)):  # type: ignore[arg-type]
                if index == 10:
                    shutil.copytree(cache, as_killed)
                yield one

    cached_table(Killed(), SPACE, Cache(cache), reporter)
    device = SlowNets()
    table = cached_table(device, SPACE, Cache(as_killed), reporter)
    assert len(device.measured) == 27 - 10 + len(table.nets)


def test_two_programs_that_measure_into_one_cache_lose_nothing(tmp_path: Path, reporter: Reporter) -> None:
    other_space = digits_mbconv_space(0.5)

    class Disturbed(SlowNets):
        """Another program measures another space meanwhile."""

        def measure(self, *rows: object, **options: object) -> Iterator[tuple[Workload | Architecture, Measurement]]:
            for index, one in enumerate(super().measure(*rows, **options)):  # type: ignore[arg-type]
                if index == 10:
                    cached_table(SlowNets(), other_space, Cache(tmp_path), reporter)
                yield one

    cached_table(Disturbed(), SPACE, Cache(tmp_path), reporter)
    for space in (SPACE, other_space):
        assert whole_cached_table(DEVICE, space, Cache(tmp_path)) is not None
