"""The program as its users run it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
import torch
from attrs import evolve
from click.testing import CliRunner
from PIL import Image

import pnas_apps.steps.table
from command_line import assert_refused
from pnas_apps.cli.options import DRY_RUN
from pnas_apps.cli.program import Program
from pnas_apps.cli.resuming import resumes_from
from pnas_apps.run.lock import held_folder
from pnas_apps.run.mistakes import Mistakes
from pnas_apps.run.results import RunResults
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.steps.contenders import Contenders
from pnas_cifar10.cli import PRESETS, main
from pnas_cifar10.datasets import read_digits
from pnas_export import AiEdgeLitert, Bundle, OnnxRuntime, TFLiteDevice, measure_files
from pnas_latency import Landing, LatencyTable
from pnas_ops import Architecture, Preprocessing, cifar_mbconv_space, digits_mbconv_space, load_json, write_atomically
from pnas_supernet import load_checkpoint
from rough_timing import timed_once
from tables import uniform_table

TESTS = Path(__file__).resolve().parents[2]

RESUMES = ": the same command resumes from what was saved\n"
COMPARED = ["--compare", "2", "--compare-epochs", "1", "--compare-seeds", "1"]
SHORT = ["--search-warmup-epochs", "1", "--search-epochs", "1", "--train-epochs", "2", *COMPARED]
# Two searched blocks, half as wide: most of a demo's time goes into converting and measuring.
SMALL = ["--blocks-per-stage", "1", "--width-mult", "0.5"]
# What a search of eight images needs.
FEW = ["--validation-share", "0.5", "--search-arch-interval", "1", "--batch-size", "4"]
TARGET_MS = 0.06
TARGET = ["--target-latency-ms", f"{TARGET_MS}"]
NETS = ("searched", "random-1", "random-2", "fastest", "biggest")


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "pnas_cifar10", *map(str, arguments)]


def printed_by(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What the program prints, in this process: starting one takes seconds."""
    capfd.readouterr()
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return capfd.readouterr().out


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A short demo: its run folder, its cache, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    arguments = command("demo", "--run-dir", folder / "run", "--cache-dir", folder / "cache", *SMALL, *SHORT, *TARGET)
    program = "from rough_timing import timed_once\nfrom pnas_cifar10.__main__ import main\nwith timed_once(): main()"
    arguments[1:3] = ["-c", program]
    # Wide enough for the folders that tests have.
    environment = os.environ | {"PYTHONPATH": str(TESTS), "COLUMNS": "200"}
    finished = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    assert finished.returncode == 0, finished.stderr
    return folder / "run", folder / "cache", finished.stdout


def test_the_demo_leaves_everything_in_its_folder(demo: tuple[Path, Path, str]) -> None:
    run, _, printed = demo
    report = (run / "report.txt").read_text()
    space = digits_mbconv_space(0.5, blocks_per_stage=1)
    results = load_json(run / "results.json", RunResults)
    table = LatencyTable.load(run / "table.json")
    ((net,), verdict) = results.nets, results.verdict
    assert (net.name, net.epochs) == ("searched", 2)
    assert net.predicted_ms == table.predict_ms(load_json(run / "architecture.json", Architecture))
    assert f"{net.test_accuracy:.2%}" in printed
    assert f"{net.measured.latency_ms:.4f}" in printed
    assert verdict is not None
    assert [one.name for one in verdict.nets] == [*NETS]
    compared = {one.name: one.architecture for one in load_json(run / "compared" / "nets.json", Contenders).nets}
    for one in verdict.nets:
        space.choices(compared[one.name])
        assert one.predicted_ms == table.predict_ms(compared[one.name])
        assert re.search(rf"^ {one.name} +{100 * one.accuracies[0]:.2f}% .* {one.predicted_ms:.4f} ", report, re.M)
        assert one.kind == "random" or f"{one.name} {one.accuracies[0]:.2%}" in " ".join(printed.split())
    assert " ".join(verdict.sentence.split()) in " ".join(printed.split())
    assert re.search(
        r"up to 5 nets x 1 seed will be trained for 1 epoch: 5 passes .* search and training take", printed
    )
    assert (
        load_json(run / "architecture.json", Architecture).blocks
        == load_json(run / "networks" / "searched" / "architecture.json", Architecture).blocks
    )
    assert list(results.seconds) == ["table", "search", "train", "compare", "export", "report"]
    assert len((run / "history.jsonl").read_text().splitlines()) == 2
    landing = load_json(run / "landing.json", Landing)
    assert landing.target_ms == TARGET_MS
    assert landing.attempts[0].predicted_ms <= TARGET_MS
    assert landing.result.architecture == load_json(run / "architecture.json", Architecture)
    assert all(f"{attempt.measured_ms:.4f}" in printed for attempt in landing.attempts)
    assert load_checkpoint(run / "search.pt", kind="search")["arch_step"]["constraints"][0]["steps"] > 0
    for picture in ("architectures.png", "search.png"):
        Image.open(run / picture).verify()
    assert "15 different candidates: 15 measured now" in printed
    bundle = Bundle.load(run / "bundle")
    assert {file.name for file in bundle.files} == {"model.onnx", "model.tflite", "model-int8.tflite"}
    assert bundle.proof.images == len(read_digits(16)[1])
    assert bundle.proof.net_accuracy == pytest.approx(results.nets[0].test_accuracy, abs=1.5 / bundle.proof.images)
    runtimes = {(one.parity.file, one.parity.runtime) for one in bundle.proof.files}
    assert {("model.onnx", "onnxruntime"), ("model.tflite", "ai-edge-litert")} <= runtimes
    assert "model-int8.tflite" in report
    assert f"Open {run / 'report.html'} in a browser" in " ".join(printed.split())
    # But for the table of the landing, and for what is told every half minute where this machine has much to do.
    landed = 2 * len(landing.attempts) + 6
    assert len([line for line in printed.splitlines() if " after " not in line]) - landed <= 40


def test_the_page_shows_what_the_int8_file_gets_wrong(demo: tuple[Path, Path, str]) -> None:
    run, _, _ = demo
    mistakes, page = load_json(run / "mistakes.json", Mistakes), (run / "report.html").read_text()
    test = read_digits(16)[1]
    assert (mistakes.file, mistakes.images) == ("model-int8.tflite", len(test))
    of_class = [0] * 10
    for one in mistakes.confusions:
        of_class[one.label] += one.count
    assert of_class == torch.bincount(test.labels, minlength=10).tolist()
    proofs = Bundle.load(run / "bundle").proof.files
    (proof,) = (
        one
        for one in proofs
        if (one.parity.file, f"{one.parity.runtime} {one.parity.runtime_version}") == (mistakes.file, mistakes.runtime)
    )
    assert proof.accuracy == pytest.approx(1 - mistakes.wrong / mistakes.images)
    assert len(mistakes.examples) == min(24, mistakes.wrong)
    assert all(one.label != one.answer for one in mistakes.examples)
    assert page.count("data:image/png;base64,") == len(mistakes.examples)
    assert f"it misclassifies {mistakes.wrong} of {mistakes.images} test images" in page
    assert "demo --run-dir" in page


def test_the_files_have_the_reported_accuracy(demo: tuple[Path, Path, str]) -> None:
    run, _, _ = demo
    _, test = read_digits(16)
    images = load_json(run / "preprocessing.json", Preprocessing)(test.images)
    (searched,) = load_json(run / "results.json", RunResults).nets
    for file in (run / "bundle" / "model.tflite", run / "bundle" / "model.onnx"):
        runtime = OnnxRuntime() if file.suffix == ".onnx" else AiEdgeLitert()
        logits = runtime.load(file)(images)
        accuracy = float((logits.argmax(1) == test.labels).double().mean())
        assert accuracy == pytest.approx(searched.test_accuracy, abs=1.5 / len(test))


@pytest.mark.slow
def test_export_adds_formats_and_keeps_those_that_are_there(
    demo: tuple[Path, Path, str], tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    two = (AiEdgeLitert(), OnnxRuntime())
    monkeypatch.setattr("pnas_export.runtimes.parity.installed_runtimes", lambda: two)
    run, cache, _ = demo
    out = tmp_path / "out"
    shutil.copytree(run / "bundle", out)
    arguments = ["export", run, "--out", out, "--cache-dir", cache, "--images", 64, "--format", "tflite-float16"]
    with timed_once():
        printed = printed_by(capfd, *arguments)
    bundle = Bundle.load(out)
    names = {"model.onnx", "model.tflite", "model-int8.tflite", "model-float16.tflite"}
    assert {file.name for file in bundle.files} == names
    assert bundle.proof.images == 64
    assert all(name in printed for name in names)
    assert Bundle.load(run / "bundle").architecture == bundle.architecture


def test_eval_judges_files_and_the_net(demo: tuple[Path, Path, str], capfd: pytest.CaptureFixture[str]) -> None:
    run, _, _ = demo
    proof = Bundle.load(run / "bundle").proof
    printed = printed_by(capfd, "eval", run, "--file", "model-int8.tflite", "--file", run / "bundle" / "model.onnx")
    for one in proof.files:
        if one.parity.file in ("model-int8.tflite", "model.onnx"):
            assert re.search(rf"{one.parity.file} +{one.parity.runtime} \S+ +{one.accuracy:.2%}", printed), printed
    accuracy = load_json(run / "results.json", RunResults).nets[0].test_accuracy
    assert re.search(rf"searched +PyTorch +{accuracy:.2%}", printed_by(capfd, "eval", run))


def test_bench_times_the_files_of_a_folder_that_the_device_runs(
    demo: tuple[Path, Path, str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure_once(files: object, *, threads: int, sessions: int, progress: object) -> object:
        return measure_files(files, threads=threads, sessions=1, progress=progress)  # type: ignore[arg-type]

    monkeypatch.setattr("pnas_export.devices.runtime_device.measure_files", measure_once)
    run, _, _ = demo
    tflite, onnx = ["model.tflite", "model-int8.tflite"], ["model.onnx"]
    for device, names in (
        (["--device", "tflite"], tflite),
        (["--device", "onnxruntime"], onnx),
        ([], [*tflite, *onnx]),
    ):
        printed = printed_by(capfd, "bench", run / "bundle", *device)
        rows = re.findall(r"^ *(model\S*) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) +(\d+)", printed, re.M)
        assert sorted(row[0] for row in rows) == sorted(names)
        assert all(0 < float(row[1]) <= float(row[2]) <= float(row[3]) <= float(row[4]) for row in rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "RUN", "--format", "int4"], "there is no format 'int4': name some of onnx, onnx-int8, tflite"),
        (["export", "RUN", "--format", "onnx", "--net", "nope"], "no trained net 'nope': it has searched"),
        (["export", "DATA", "--format", "onnx"], "DATA holds no run: name a run's folder"),
        (
            ["export", "RUN", "--format", "onnx", "--data-dir", "DATA"],
            "have other classes than RUN: they .*data-dir",
        ),
        (
            ["export", "RUN", "--format", "onnx", "--out", "."],
            "is the current folder or contains it: name another",
        ),
        (
            ["export", "RUN", "--format", "onnx", "--out", "RUN/networks"],
            "is inside the run .*: name a folder outside of",
        ),
        (["export", "RUN", "--format", "onnx", "--out", "BAD"], "is a file: name another folder for --out"),
        (["eval", "RUN", "--file", "nope.onnx"], "there is no file nope.onnx, and none in "),
        (["eval", "RUN", "--file", "DATA"], "there is no file .*data, and none in "),
        (["eval", "RUN", "--runtime", "onnxruntime"], "tested in PyTorch, not on onnxruntime: add --file"),
        (["eval", "RUN", "--file", "BAD"], r"bad\.tflite is no TFLite file, or damaged"),
        (["eval", "RUN", "--net", "nope"], "no trained net 'nope'"),
        (
            ["verdict", "RUN", "--nets", "1"],
            "has a verdict with 2 random nets and 1 seed already: give",
        ),
        (["verdict", "RUN", "--epochs", "0"], "--epochs must be a whole number from 1 to 1,000,000, got 0"),
        (["verdict", "DATA"], "DATA holds no run: name a run's folder"),
        (["bench", "BAD"], r"ai-edge-litert cannot load bad\.tflite"),
        (["bench", "RUN/nope.tflite"], "there is no file"),
        (["bench", "DATA"], r"data holds no \.tflite or \.onnx file: export some, or name another path"),
        (["bench", "BAD", "--device", "onnxruntime"], r"bad\.tflite is not a \.onnx file"),
        (["bench", "BAD", "--device", "abacus"], "there is no device 'abacus'"),
        (["bench", "BAD", "--device", "torch-cpu"], "torch-cpu runs no files"),
    ],
)
def test_bad_input_to_a_finished_run_is_named(
    arguments: list[str], message: str, demo: tuple[Path, Path, str], image_folder: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.tflite"
    bad.write_bytes(b"not a model")
    places = {"RUN": str(demo[0]), "DATA": str(image_folder), "BAD": str(bad)}
    given = arguments
    for name, place in places.items():
        given = [part.replace(name, place) for part in given]
        message = message.replace(name, place)
    before = {path: path.stat().st_mtime_ns for path in demo[0].rglob("*")}
    assert_refused(CliRunner().invoke(main, given), message)
    assert {path: path.stat().st_mtime_ns for path in demo[0].rglob("*")} == before


def test_a_verdict_is_made_surer_with_what_is_there_and_written_down(
    demo: tuple[Path, Path, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(demo[0], run)
    before = load_json(run / "results.json", RunResults)
    printed = " ".join(printed_by(capfd, "verdict", run, "--cache-dir", demo[1], "--seeds", "2").split())
    assert "net, seed 0" not in printed
    results = load_json(run / "results.json", RunResults)
    assert results.verdict is not None
    assert before.verdict is not None
    assert [net.accuracies[:1] for net in results.verdict.nets] == [net.accuracies for net in before.verdict.nets]
    assert evolve(results, verdict=before.verdict, seconds=before.seconds) == before
    assert {step for step in results.seconds if results.seconds[step] > before.seconds[step]} == {"compare"}
    assert results.verdict.sentence in printed
    assert results.verdict.sentence in " ".join((run / "report.txt").read_text().split())
    assert not RunFolder(run).damages()

    (run / "compared" / "accuracies.jsonl").write_text("{}")
    refused = CliRunner().invoke(main, ["verdict", str(run), "--cache-dir", str(demo[1])])
    assert_refused(refused, r"accuracies\.jsonl is damaged: report writes it again")
    (run / "results.json").unlink()
    refused = CliRunner().invoke(main, ["verdict", str(run), "--cache-dir", str(demo[1])])
    assert_refused(refused, "holds an unfinished run: finish it with report")


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    @click.group(cls=Program)
    def program() -> None: ...

    @program.command()
    def work() -> None:
        write_atomically(tmp_path / "report.html", "a page")

    (tmp_path / "report.html").mkdir()
    result = CliRunner().invoke(program, ["work"])
    assert_refused(result, r"report\.html is a folder where a file belongs: move it, then run the same")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_a_program_leaves_one_line(stop: signal.Signals, tmp_path: Path) -> None:
    left: list[str] = []
    saved = tmp_path / "settings.json"

    @click.group(cls=Program)
    def program() -> None: ...

    @program.command()
    def work() -> None:
        resumes_from(saved)
        try:
            os.kill(os.getpid(), stop)
        finally:
            left.append("a with block")

    before = signal.getsignal(stop)
    result = CliRunner().invoke(program, ["work"])
    assert (result.exit_code, result.stderr, left) == (128 + stop, "error: interrupted\n", ["a with block"])
    assert signal.getsignal(stop) is before
    saved.touch()
    assert CliRunner().invoke(program, ["work"]).stderr == f"error: interrupted{RESUMES}"


TWICE = """
import atexit, os, signal
import click
from pnas_apps.cli.program import Program
from pnas_apps.cli.resuming import resumes_from

@click.group(cls=Program)
def program():
    pass

def stop():
    os.kill(os.getpid(), signal.SIGINT)

@program.command()
def work():
    atexit.register(stop)
    try:
        stop()
    finally:
        stop()
        print("ended")

program()
"""


def test_ctrl_c_pressed_twice_leaves_one_line_too() -> None:
    """The second comes while the program ends what it holds, and while Python ends."""
    finished = subprocess.run([sys.executable, "-c", TWICE, "work"], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout) == (130, "ended\n")
    assert finished.stderr == "error: interrupted\n"


def test_ctrl_c_while_the_command_line_is_read_is_one_line_too() -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    @click.group(cls=Program, params=[click.Option(["--number"], callback=interrupted)])
    def program(number: None) -> None: ...

    program.add_command(click.Command("work"))
    result = CliRunner().invoke(program, ["work"])
    assert (result.exit_code, result.stderr) == (130, "error: interrupted\n")


def test_an_interrupted_dry_run_says_that_it_begins_anew(tmp_path: Path) -> None:
    @click.group(cls=Program)
    def program() -> None: ...

    @program.command()
    @DRY_RUN
    def work(dry_run: bool) -> None:
        resumes_from(tmp_path)
        raise KeyboardInterrupt

    dry = CliRunner().invoke(program, ["work", "--dry-run"])
    assert (dry.exit_code, "resumes" in dry.stderr, "starts again" in dry.stderr) == (130, False, True)
    assert CliRunner().invoke(program, ["work"]).stderr.endswith(RESUMES)


def test_memory_that_does_not_suffice_anywhere_is_one_line_with_the_way_out() -> None:
    @click.group(cls=Program)
    def program() -> None: ...

    @program.command()
    @click.argument("error")
    def work(error: str) -> None:
        raise torch.OutOfMemoryError(error) if error == "PyTorch's" else RuntimeError(error)

    for error in ("PyTorch's", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"):
        ended = CliRunner().invoke(program, ["work", error])
        assert ended.exit_code == 1
        assert ended.stderr.startswith("error: the GPU's memory is too small: use smaller batches, or more micro")
        assert ended.stderr.endswith("(--search-micro-batches, --train-micro-batches)\n")
    assert isinstance(CliRunner().invoke(program, ["work", "a fault"]).exception, RuntimeError)


def test_a_run_whose_hashes_are_gone_says_so(
    demo: tuple[Path, Path, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(demo[0], tmp_path / "run", ignore=shutil.ignore_patterns("bundle*", "files.json"))
    printed = printed_by(capfd, "eval", tmp_path / "run", "--images", "8")
    assert "files.json is missing: the run's files are used unchecked" in " ".join(printed.split())


def test_a_second_run_measures_nothing_and_ctrl_c_loses_nothing(demo: tuple[Path, Path, str], tmp_path: Path) -> None:
    _, cache, _ = demo
    arguments = command("demo", "--run-dir", tmp_path / "run", "--cache-dir", cache, "--seed", "1", *SMALL)
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    history = tmp_path / "run" / "history.jsonl"
    while process.poll() is None and not (history.exists() and history.read_text()):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert "15 different candidates: 0 measured now, 15 from" in printed
    assert process.returncode == 130
    assert errors == f"error: interrupted{RESUMES}"
    kept = load_checkpoint(tmp_path / "run" / "search.pt", kind="search")
    assert len(kept["history"]) >= 1
    assert (tmp_path / "run" / "table.json").exists()


def test_a_finished_run_is_refused_and_left_alone(demo: tuple[Path, Path, str]) -> None:
    run, cache, _ = demo
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    result = CliRunner().invoke(main, ["demo", "--run-dir", str(run), "--cache-dir", str(cache), *SHORT, *TARGET])
    assert_refused(result, "already holds a finished run: read .*, or give another --run-dir")
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


@pytest.mark.slow
def test_a_table_of_another_device_needs_permission_and_judges_no_file(
    demo: tuple[Path, Path, str], tmp_path: Path
) -> None:
    run, cache, _ = demo
    own = LatencyTable.load(run / "table.json")
    foreign = tmp_path / "phone.json"
    evolve(own, device=evolve(own.device, device="Test Phone 7", threads=4)).save(foreign)
    arguments = ["demo", "--run-dir", str(tmp_path / "run"), "--cache-dir", str(cache), "--table", str(foreign)]
    arguments += [*SMALL, *SHORT, *TARGET]
    assert_refused(
        CliRunner().invoke(main, arguments),
        rf"^error: {foreign} is a table of another device: the table was measured with device Test Phone 7, not "
        rf"{re.escape(own.device.device)}; threads 4, not 1: measure one on {re.escape(str(own.device))}; "
        r"or add --foreign-table$",
    )
    # All that a run with that table has done, but for the report.
    shutil.copytree(run, tmp_path / "run", dirs_exist_ok=True)
    (tmp_path / "run" / "results.json").unlink()
    RunFolder(tmp_path / "run").files.write(tmp_path / "run" / "table.json", foreign.read_text())
    finished = subprocess.run(command(*arguments, "--foreign-table"), capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    results = load_json(tmp_path / "run" / "results.json", RunResults)
    for net in results.nets:
        row = f"{net.predicted_ms:.4f} +{net.measured.latency_ms:.4f} +-"
        assert re.search(rf"^ {net.name} .* {row} *$", finished.stdout, re.M), finished.stdout


def test_a_table_of_another_space_is_refused_with_what_it_lacks(
    demo: tuple[Path, Path, str], image_folder: Path, tmp_path: Path
) -> None:
    table = demo[0] / "table.json"
    run = ["search", "--data-dir", str(image_folder), "--run-dir", str(tmp_path / "run"), *FEW]
    result = CliRunner().invoke(main, [*run, "--table", str(table)])
    assert_refused(result, r"table\.json is a table of another space: .* lacks 33 workloads: conv3 3->16 s1 @32x32; ")
    assert_refused(result, r"; and 23 more: add them with the command table, or leave out --table$")
    damaged = tmp_path / "damaged.json"
    damaged.write_text(table.read_text()[:-40])
    assert_refused(CliRunner().invoke(main, [*run, "--table", str(damaged)]), r"damaged\.json: not JSON")
    assert_refused(CliRunner().invoke(main, [*run, "--table", "nowhere.json"]), r"nowhere\.json")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "nope"], "there is no preset 'nope'"),
        (["--objective-weight", "-1"], "weight"),
        (["--search-gate", "one-shot"], r"'one-shot' learns no probabilities to choose a net by: give --judged-nets"),
        (
            ["--search-gate", "darts", "--objective-form", "reinforce"],
            r"'reinforce' samples nets from alpha, .* 'darts' does not: give --search-gate exact",
        ),
        (["--resolution", "2"], "resolution 2 .* is used up"),
        (["--device", "abacus"], "there is no device 'abacus'"),
        (["--device", "torch-cpu,batch=0"], "cannot be used: batch=0: give a number of images, such as 8"),
        (["--device", "torch-cpu,mode=graph"], "cannot be used: there are no CUDA graphs on a CPU: measure there with"),
        (
            ["--device", "torch-cpu", "--dtype", "int8"],
            "torch-cpu does not measure 'int8': it has float32, float16, bfloat",
        ),
        (
            ["--device", "torch-cpu", "--max-file-bytes", "1e5"],
            "--max-file-bytes limits a TFLite file, and none",
        ),
        (["--device", "onnxruntime,provider=npu"], "cannot be used: provider=npu: it is cpu or cuda"),
        (["--device", "onnxruntime", "--dtype", "int8"], "does not measure 'int8'"),
        (["--data-dir", "nowhere"], "there is no folder nowhere: name another --data-dir, or fetch images there with"),
        (
            [],
            "'blue' has 4 images, but 6 are needed to hold out 10% of them: add 2, or give --validation-share 0.5",
        ),
        (
            FEW[:2],
            "the search trains its weights on 4 of the 8 training images, but needs 640 .5 batches of 128 per "
            "architecture step.: give --search-arch-interval 1 --batch-size 4, or add images",
        ),
        (FEW, r"data has 8 training images, but int8 files need 16 .*: add 8; or .* --format onnx, tflite, "),
        ([*FEW, "--max-macs", "9"], "int8 files need 16"),
    ],
)
def test_bad_options_are_named_before_anything_is_written(
    arguments: list[str], message: str, image_folder: Path, tmp_path: Path
) -> None:
    run = ["run", "--data-dir", str(image_folder), "--run-dir", str(tmp_path / "run"), *arguments]
    assert_refused(CliRunner().invoke(main, run), message)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flag", "value", "choices"),
    [
        ("--search-gate", "three-path", "'exact', 'two-path', 'darts', 'one-shot'"),
        ("--objective-form", "quadratic", "'constrained', 'linear', 'absolute', 'mul-log', 'reinforce'"),
    ],
)
def test_what_is_no_choice_is_refused_with_the_choices(flag: str, value: str, choices: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["run", "--data-dir", str(tmp_path), flag, value])
    assert result.exit_code == 2
    assert f"error: Invalid value for '{flag}': '{value}' is not one of {choices} (see" in result.stderr


def test_an_unknown_key_of_a_preset_file_is_named(image_folder: Path, tmp_path: Path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text((PRESETS / "cpu.toml").read_text() + "nesterov = true\n")
    result = CliRunner().invoke(main, ["run", "--data-dir", str(image_folder), "--preset", str(preset)])
    assert_refused(result, r"extra fields found \(nesterov\) in \[compare\]$")


def test_help_answers_without_heavy_libraries() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from pnas_cifar10.cli import main; "
        "assert all(CliRunner().invoke(main, [*verb, '--help']).exit_code == 0 for verb in [[], *zip(main.commands)]); "
        "print([name for name in ('torch', 'numpy', 'rich', 'matplotlib') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.fixture
def cifar_table(tmp_path: Path) -> Path:
    """A table of this machine that nobody measured."""
    path = tmp_path / "table.json"
    space = cifar_mbconv_space(classes=2)
    evolve(uniform_table(space, 0.05), device=TFLiteDevice().info).save(path)
    return path


@pytest.mark.slow
def test_search_stops_after_the_search_and_train_goes_on(
    image_folder: Path,
    cifar_table: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tmp_path / "run"
    given = ["--data-dir", image_folder, "--run-dir", run, "--cache-dir", tmp_path / "cache", *SHORT, *FEW]
    monkeypatch.setattr(pnas_apps.steps.table, "cached_table", lambda *ignored: LatencyTable.load(cifar_table))
    result = CliRunner().invoke(main, [*map(str, ("search", *given, "--target-latency-ms", 0.1))])
    assert_refused(result, "no net of 'cifar-mbconv-1' takes at most 0.1 ms")
    assert (run / "settings.json").exists()  # a latency can be told only once the table is measured
    printed = printed_by(capfd, "search", *given, "--target-latency-ms", 1.6)
    assert "going on with" in printed
    assert "The searched net, block by block" in printed
    assert not (run / "networks").exists()
    printed = printed_by(capfd, "train", run)
    assert re.search(r"searched: \d+\.\d\d% of 8 test images", printed)
    assert [path.parent.name for path in run.glob("networks/*/weights.safetensors")] == ["searched"]
    assert_refused(CliRunner().invoke(main, ["report", str(run)]), "8 training images, but int8 files need 16")
    assert not (run / "bundle").exists()


def test_a_budget_that_no_net_is_within_is_refused_before_the_search(
    image_folder: Path, cifar_table: Path, tmp_path: Path
) -> None:
    given = ["search", "--data-dir", image_folder, "--run-dir", tmp_path / "run", "--cache-dir", tmp_path, *FEW]
    table = ["--table", cifar_table]
    for limit in (
        [*table, "--target-latency-ms", "0.1"],
        [*table, "--max-parameters", "100"],
        ["--max-macs", "100"],
        ["--max-weight-bytes", "100"],
        ["--max-activation-bytes", "100"],
    ):
        result = CliRunner().invoke(main, [*map(str, (*given, *limit))])
        assert_refused(result, r"no net of 'cifar-mbconv-1' .*the cheapest")
        assert not (tmp_path / "run").exists()


def test_a_table_that_the_objective_does_not_fit_is_refused(
    image_folder: Path, cifar_table: Path, tmp_path: Path
) -> None:
    given = ["search", "--data-dir", image_folder, "--run-dir", tmp_path / "run", "--table", cifar_table, *FEW]
    given += ["--objective-form", "mul-log", "--objective-log-unit-ms", "5"]
    assert_refused(CliRunner().invoke(main, [*map(str, given)]), "give a smaller --objective-log-unit-ms")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("verb", ["search", "train", "report", "export"])
def test_a_folder_in_which_another_program_works_is_left_to_it(
    verb: str, image_folder: Path, demo: tuple[Path, Path, str]
) -> None:
    run = demo[0]
    arguments = {"search": ["search", "--data-dir", image_folder, "--run-dir", run.parent / "held", *FEW]}
    given = arguments.get(verb, [verb, run, *(["--format", "onnx"] if verb == "export" else [])])
    with held_folder(run), held_folder(run.parent / "held"):
        before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
        result = CliRunner().invoke(main, [*map(str, given)])
        assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    assert_refused(
        result, rf"^error: {run.parent}/(run|held) is in use by process {os.getpid()} on .*: wait until it ends"
    )
