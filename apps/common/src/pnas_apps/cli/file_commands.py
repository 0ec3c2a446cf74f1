"""What one does with a run's nets once they are trained: export, evaluate and time their files."""

from collections.abc import Sequence
from pathlib import Path

from pnas_apps.devices.device_names import parse_device
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.folder import NetworkFolder, holds_bundle
from pnas_apps.run.run import Run
from pnas_apps.showing.file_tables import accuracy_table, proof_table, timing_table
from pnas_apps.steps.net_export import export_network, spread
from pnas_apps.steps.net_training import load_network
from pnas_apps.training.judging import accuracy
from pnas_export import (
    FORMATS,
    Bundle,
    FileDevice,
    Format,
    format_of,
    installed_runtimes,
    read_metadata,
)
from pnas_ops import Architecture, Batches, load_json


def export_run(
    run: Run,
    name: str,
    formats: Sequence[str],
    *,
    out: Path | None,
    raw_pixels: bool,
    images: int | None,
    calibration_images: int,
) -> None:
    """Writes a trained net of the run in more formats, and proves all files of its bundle anew, side by side.

    Args:
        run: with its images.
        name: of the net.
        formats: see `pnas_export.Format`; those that the bundle has already are kept.
        out: the bundle's folder; that in the run if None.
        raw_pixels: whether the files take uint8 pixels.
        images: number of test images to prove with; all if None.
        calibration_images: number of training images that show the ranges of activations.

    Raises:
        UserError: for anything that the user can mend.
    """
    folder = _trained(run, name)
    path = out or run.folder.bundle(name)
    try:
        bundle = export_network(
            run,
            load_network(folder),
            load_json(folder.architecture, Architecture),
            path,
            [*_kept_formats(path, raw_pixels), *(_format(text) for text in formats)],
            raw_pixels=raw_pixels,
            images=images,
            calibration_images=calibration_images,
        )
    except ValueError as error:
        raise UserError(str(error)) from error
    run.reporter.console.print(proof_table(bundle.proof))
    run.reporter.console.print(f"The files are in {path}")


def eval_run(run: Run, name: str, files: Sequence[Path], *, runtime: str | None, images: int | None) -> None:
    """Prints the accuracy of files on every installed runtime, or of the net in PyTorch where no file is named.

    Args:
        run: with its images.
        name: of the net.
        files: paths, or names in the net's bundle.
        runtime: the only one to use; all that are installed and support the file if None.
        images: number of test images; all if None.

    Raises:
        UserError: for anything that the user can mend.
    """
    test = spread(run.task.test, images)
    rows = []
    if not files:
        network = load_network(_trained(run, name)).eval()
        rows.append((name, "PyTorch", accuracy(network, run.ordered_batches(test))))
    for file in files:
        path = file if file.exists() else run.folder.bundle(name) / file
        if not path.exists():
            raise UserError(f"there is no file {file}, and none in {path.parent}: name one, or export it first")
        rows.extend((path.name, *row) for row in _file_accuracies(run, path, runtime, run.pixel_batches(test)))
    run.reporter.console.print(accuracy_table(rows, len(test)))


def bench_files(paths: Sequence[Path], device: str, *, threads: int, cache: Cache, reporter: Reporter) -> None:
    """Prints the latency of files, timed in turns on one device.

    Args:
        paths: files, or folders of which all files that the device runs are timed.
        device: see `pnas_apps.devices.device_names.parse_device`.
        threads: of the device.
        cache: of conversions.
        reporter: shows progress.

    Raises:
        UserError: for anything that the user can mend.
    """
    one = parse_device(device, threads=threads, dtype="float32", cache=cache, log=None)
    if not isinstance(one, FileDevice):
        raise UserError(f"{device} runs no files: name one of tflite, tflite-runtime, onnxruntime, adb, cmd:...")
    files = [file for path in paths for file in _files(path, one.suffix)]
    try:
        with reporter.phases() as progress:
            measured = one.measure_files(files, progress=progress)
    except ValueError as error:
        raise UserError(str(error)) from error
    reporter.console.print(timing_table(measured, one.info))


def _trained(run: Run, name: str) -> NetworkFolder:
    folder = run.folder.network(name)
    if not folder.weights.exists():
        trained = sorted(path.parent.name for path in run.folder.path.glob("networks/*/weights.safetensors"))
        raise UserError(f"{run.folder.path} holds no trained net {name!r}: it has {', '.join(trained) or 'none'}")
    return folder


def _files(path: Path, suffix: str) -> list[Path]:
    if path.is_dir():
        found = sorted(path.rglob(f"*{suffix}"))
        if not found:
            raise UserError(f"{path} holds no {suffix} files: export some, or name another device")
        return found
    if not path.exists():
        raise UserError(f"there is no file {path}")
    if path.suffix != suffix:
        raise UserError(f"{path} is not a {suffix} file, which is what the device runs: name another --device")
    return [path]


def _format(text: str) -> Format:
    for name in FORMATS:
        if name == text:
            return name
    raise UserError(f"there is no format {text!r}: name some of {', '.join(FORMATS)}")


def _kept_formats(path: Path, raw_pixels: bool) -> list[Format]:
    if not holds_bundle(path):
        return []
    bundle = Bundle.load(path)
    return [format_of(file) for file in bundle.files] if bundle.metadata.raw_pixels == raw_pixels else []


def _file_accuracies(run: Run, path: Path, only: str | None, test: Batches) -> list[tuple[str, float]]:
    """The runtime and the accuracy on it, for all that run the file."""
    suitable = [one for one in installed_runtimes() if one.supports(path) and only in (None, one.name)]
    if not suitable:
        names = ", ".join(one.name for one in installed_runtimes())
        raise UserError(f"{only or 'no installed runtime'} does not run {path}: installed are {names}")
    rows = []
    try:
        metadata = read_metadata(path)
        if metadata.labels != run.task.train.classes:
            raise UserError(f"{path} tells other classes apart than {run.folder.path}: {', '.join(metadata.labels)}")
        prepare = metadata.preprocessing
        for runtime in suitable:
            model = runtime.load(path)
            batches = ((pixels if metadata.raw_pixels else prepare(pixels), labels) for pixels, labels in test)
            counted = run.reporter.counted(f"{path.name} on {runtime.name}", batches, len(test))
            rows.append((f"{runtime.name} {runtime.version}", accuracy(model, counted)))
    except ValueError as error:
        raise UserError(str(error)) from error
    return rows
