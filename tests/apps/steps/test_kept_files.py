"""Files of a run that are damaged: told, and never taken for whole."""

import io
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console

from pnas_apps.cli.file_commands import _check_hash
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.folder import SEARCHED
from pnas_apps.run.results import RunResults
from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.settings import load_settings
from pnas_apps.steps.net_export import formats_in, kept_bundle, takes_raw_pixels
from pnas_apps.steps.net_training import load_network
from pnas_apps.steps.page import kept_results
from pnas_export import BundleError
from pnas_latency import Landing, LatencyTable
from pnas_ops import Architecture, FormatError, Preprocessing, load_json, read_weights
from small_runs import printed_by_run

SAMPLE = Path(__file__).parents[2] / "samples" / "finished-run"
READERS: dict[str, Callable[[Path], object]] = {
    "settings.json": load_settings,
    "landing.json": partial(load_json, cls=Landing),
    "table.json": partial(load_json, cls=LatencyTable),
    "architecture.json": partial(load_json, cls=Architecture),
    "preprocessing.json": partial(load_json, cls=Preprocessing),
    "results.json": partial(load_json, cls=RunResults),
}

_A_NUMBER = re.compile(r"(?<!version\"): -?\d+(\.\d+)?(?=,|\n)")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished run of an earlier version, of whose own files no hash is known."""
    shutil.copytree(SAMPLE, tmp_path / "run")
    reporter = Reporter(Console(file=io.StringIO(), width=1000))
    return cast(Run, SimpleNamespace(folder=RunFolder(tmp_path / "run"), reporter=reporter))


def damages(raw: bytes) -> list[bytes]:
    """Cut off, empty, of another version, of something else, not a number, no text, nested without end."""
    text = raw.decode()
    return [
        raw[: len(raw) // 2],
        b"",
        raw.replace(b'"schema_version": 1', b'"schema_version": 2'),
        b'{"schema": "Stage", "schema_version": 1, "width": 1, "depth": 1, "stride": 1}',
        re.sub(
            r": -?\d+(\.\d+)?(?=,|\n)", ": NaN", text.replace('"schema_version": 1', '"schema_version": 1 '), count=1
        ).encode(),
        b"\xff" + raw,
        b"[" * 10**5,
        raw.replace(b"{", b"[", 1),
    ]


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_document_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    raw = (SAMPLE / name).read_bytes()
    READERS[name](SAMPLE / name)
    for damaged in damages(raw):
        assert damaged != raw
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(FormatError) as caught:
            READERS[name](tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name}: ")
        assert "\n" not in str(caught.value)


def test_a_bundle_is_kept_that_is_whole_and_of_the_nets_weights(run: Run) -> None:
    path, network = run.folder.bundle(SEARCHED), load_network(run.folder.network(SEARCHED))
    assert kept_bundle(network, path, run.reporter.warn) is not None
    assert (formats_in(path), takes_raw_pixels(path)) == (["onnx", "tflite", "tflite-int8"], False)
    other = load_network(run.folder.network("fastest"))
    assert kept_bundle(other, path, run.reporter.warn) is None
    assert "bundle is of other weights: it is exported again" in printed_by_run(run)


@pytest.mark.parametrize("name", sorted(file.name for file in (SAMPLE / "bundle").iterdir()))
def test_a_damaged_bundle_is_made_again_and_forgets_no_format(name: str, run: Run) -> None:
    path, network = run.folder.bundle(SEARCHED), load_network(run.folder.network(SEARCHED))
    raw = (path / name).read_bytes()
    for count, damaged in enumerate([raw[:-10], b"", raw[:20] + b"?" + raw[21:], b"{}"], start=1):
        (path / name).write_bytes(damaged)
        assert kept_bundle(network, path, run.reporter.warn) is None
        assert printed_by_run(run).count("it is exported again\n") == count
        assert formats_in(path) == ["onnx", "tflite", "tflite-int8"]
    (path / name).unlink()
    assert kept_bundle(network, path, run.reporter.warn) is None
    assert formats_in(path) == ["onnx", "tflite", "tflite-int8"]


def test_a_file_is_judged_only_if_it_is_what_was_written(run: Run) -> None:
    model = run.folder.bundle(SEARCHED) / "model.tflite"
    reference = run.folder.network("fastest").file("model.tflite")
    for file in (model, reference):
        _check_hash(run, file)
    run.folder.files.write(reference, reference.read_bytes())
    for file, error in ((model, BundleError), (reference, FormatError)):
        raw = file.read_bytes()
        for index in range(8, len(raw), len(raw) // 9):
            file.write_bytes(raw[:index] + bytes([raw[index] ^ 1]) + raw[index + 1 :])
            with pytest.raises(error, match=r"model\.tflite has changed since it was"):
                _check_hash(run, file)


def test_damaged_hashes_have_one_way_out_which_works(run: Run) -> None:
    folder = run.folder
    folder.files.save(load_settings(folder.settings), folder.settings)
    folder.files.path.write_text("{")
    ask: list[Callable[[], object]] = [
        folder.read_settings,
        folder.damages,
        folder.refuse_finished,
        lambda: kept_results(folder),
        lambda: folder.files.kept(folder.table, LatencyTable.load, run.reporter.warn),
        lambda: _check_hash(run, folder.network("fastest").file("model.tflite")),
    ]
    for one in ask:
        with pytest.raises(UserError, match=r"files\.json: not JSON: .*: delete it, and .* are used unchecked"):
            one()
    assert printed_by_run(run) == ""
    folder.files.path.unlink()
    assert kept_results(folder).settings == folder.read_settings()


def test_the_weights_of_the_sample_are_read() -> None:
    assert read_weights(SAMPLE / "bundle" / "weights.safetensors")
