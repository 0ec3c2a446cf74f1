"""What one does with a run's nets once they are trained: export, evaluate and time their files."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path

from torch import Tensor

from pnas_apps.devices.device_names import parse_device
from pnas_apps.devices.known_tables import read_table_of
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.classes import class_difference
from pnas_apps.run.network_folder import NetworkFolder
from pnas_apps.run.prediction import label_values
from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.showing.file_tables import accuracy_table, proof_table, timing_table
from pnas_apps.steps.export import check_calibration
from pnas_apps.steps.int8_adjustments import check_int8, kept_adjustments, new_adjustments
from pnas_apps.steps.net_export import export_network, formats_in, kept_bundle, spread, takes_raw_pixels
from pnas_apps.steps.net_training import load_network
from pnas_apps.training.judging import accuracy
from pnas_apps.training.training import TrainingDivergedError
from pnas_export import (
    FORMATS,
    Bundle,
    FileDevice,
    Format,
    KeepFloat,
    LoadedFile,
    Runtime,
    file_name,
    installed_runtimes,
    read_metadata,
)
from pnas_ops import Architecture, Batches, DeviceInfo, FormatError, load_json

_DEVICES_OF = {".tflite": "tflite", ".onnx": "onnxruntime"}
"""The device of this machine that files are timed on where none is named, by their suffix."""


def export_run(
    run: Run,
    name: str,
    formats: Sequence[str],
    *,
    out: Path | None,
    raw_pixels: bool | None,
    images: int | None,
    calibration_images: int,
    keep_float: KeepFloat | None = None,
    fine_tune_epochs: int | None = None,
) -> None:
    """Writes a trained net of the run in more formats, and proves those files of its bundle that are not proven yet.

    Args:
        run: with its images.
        name: of the net.
        formats: see `pnas_export.Format`; those that the bundle has already are kept.
        out: the bundle's folder; that in the run if None.
        raw_pixels: whether the files take uint8 pixels; as those that the bundle has already if None.
        images: number of test images to prove with; all if None.
        calibration_images: number of training images that show the ranges of activations.
        keep_float: which layers of the int8 files among `formats` stay float32.
        fine_tune_epochs: of fake quantization, for the same files; none if None.

    Raises:
        UserError: for anything that the user can fix.
    """
    folder = _trained(run, name)
    path = run.folder.bundle(name)
    if out is not None:
        _refuse_as_bundle(out)
        path = out
    wanted = [_format(text) for text in formats]
    check_int8(wanted, keep_float, fine_tune_epochs)
    check_calibration(run.task.name, len(run.task.train), [*formats_in(path), *wanted])
    try:
        network, architecture = load_network(folder), load_json(folder.architecture, Architecture)
        run = run.sized_for(architecture)
        kept_bundle(network, path, run.reporter.warn)  # tells where it is damaged
        kept, before = formats_in(path), takes_raw_pixels(path)
        takes_pixels = before if raw_pixels is None else raw_pixels
        if kept and takes_pixels != before:
            names = ", ".join(map(file_name, kept))
            run.reporter.console.print(
                f"  {names} will now take {'uint8 pixels' if takes_pixels else 'normalized floats'} too: all files of "
                "a bundle take the same input",
                soft_wrap=True,
            )
        adjustments = kept_adjustments(folder, path, [name for name in kept if name not in wanted])
        adjustments |= new_adjustments(run, folder, wanted, keep_float, fine_tune_epochs)
        bundle = export_network(
            run,
            network,
            architecture,
            path,
            [*kept, *wanted],
            adjustments=adjustments,
            raw_pixels=takes_pixels,
            images=images,
            calibration_images=calibration_images,
        )
    except TrainingDivergedError as error:
        raise UserError(f"{error.what}: leave out --fine-tune") from None
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
        UserError: for anything that the user can fix.
    """
    if runtime is not None and not files:
        raise UserError(
            f"without --file the net is tested in PyTorch, not on {runtime}: add --file, or leave out --runtime"
        )
    if (of_net := run.folder.network(name).architecture).exists():
        run = run.sized_for(load_json(of_net, Architecture))
    test = spread(run.task.test, images)
    rows = []
    if not files:
        network = load_network(_trained(run, name)).eval()
        rows.append((name, "PyTorch", accuracy(network, run.ordered_batches(test))))
    for file in files:
        path = file if file.is_file() else run.folder.bundle(name) / file
        if not path.is_file():
            raise UserError(f"there is no file {file}, and none in {path.parent}: name another, or export it first")
        rows.extend((path.name, *row) for row in _file_accuracies(run, path, runtime, run.pixel_batches(test)))
    run.reporter.console.print(accuracy_table(rows, len(test)))


def bench_files(paths: Sequence[Path], device: str | None, *, threads: int, cache: Cache, reporter: Reporter) -> None:
    """Prints the latency of files, timed in turns on one device.

    Args:
        paths: files, or folders of which all files that the device runs are timed.
        device: see `pnas_apps.devices.device_names.parse_device`; for None, each file on a runtime of this machine,
            and none of those whose runtime is missing, which is reported.
        threads: of the device.
        cache: of conversions.
        reporter: shows progress.

    Raises:
        UserError: for anything that the user can fix.
    """
    parse = partial(_file_device, threads=threads, cache=cache)
    if device is not None:
        one = parse(device)
        timed = [(one, [file for path in paths for file in _files(path, one.suffix)])]
    else:
        timed = _timed_here(paths, parse, reporter)
    try:
        for file in chain.from_iterable(files for _, files in timed):
            Bundle.check_file(file)
        for one, files in timed:
            with reporter.phases() as progress:
                measured = one.measure_files(files, progress=progress)
            reporter.console.print(timing_table(measured, one.info, table_probe_ms=_table_probe_ms(files, one.info)))
    except ValueError as error:
        raise UserError(str(error)) from error


def _table_probe_ms(files: Sequence[Path], device: DeviceInfo) -> float | None:
    """What the probe took when the table of the files' run was made; None where they are not of one on this device."""
    known = set()
    for folder in {file.resolve().parent.parent for file in files}:
        with suppress(UserError):
            known.add(read_table_of(device, RunFolder(folder).table).probe_ms)
    return known.pop() if len(known) == 1 else None


def _file_device(name: str, *, threads: int, cache: Cache) -> FileDevice:
    one = parse_device(name, threads=threads, dtype="float32", cache=cache, log=None)
    if not isinstance(one, FileDevice):
        raise UserError(f"{name} runs no files: name one of tflite, tflite-runtime, onnxruntime, adb, cmd:...")
    return one


def _timed_here(
    paths: Sequence[Path], parse: Callable[[str], FileDevice], reporter: Reporter
) -> list[tuple[FileDevice, list[Path]]]:
    """The runtimes of this machine, each with the files of `paths` that are for it."""
    found: dict[str, list[Path]] = {name: [] for name in _DEVICES_OF.values()}
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        known = [file for file in inside if file.suffix in _DEVICES_OF]
        if not known:
            what = "holds no" if path.is_dir() else "is no"
            raise UserError(f"{path} {what} {' or '.join(_DEVICES_OF)} file: export some, or name another path")
        for file in known:
            found[_DEVICES_OF[file.suffix]].append(file)
    timed, lacking = [], []
    for name, files in found.items():
        if files:
            try:
                timed.append((parse(name), files))
            except UserError as error:
                lacking.append((error, files))
    if not timed:
        raise lacking[0][0]
    for reason, files in lacking:
        reporter.warn(f"  {', '.join(file.name for file in files)} skipped: {reason}")
    return timed


def runtimes_of(path: Path, only: str | None) -> list[Runtime]:
    """The installed runtimes that run the file, or that one of them.

    Raises:
        UserError: where there is none, with those that are installed.
    """
    suitable = [one for one in installed_runtimes() if one.supports(path) and only in (None, one.name)]
    if not suitable:
        names = ", ".join(one.name for one in installed_runtimes())
        raise UserError(
            f"{f'{only} does not run' if only else 'no installed runtime runs'} {path}: installed are {names}"
        )
    return suitable


def _refuse_as_bundle(path: Path) -> None:
    """Raises a UserError for what a bundle cannot take the place of."""
    place = path.resolve()
    if place.exists() and not place.is_dir():
        raise UserError(f"{path} is a file: name another folder for --out")
    if Path.cwd().is_relative_to(place):
        raise UserError(f"{path} is the current folder or contains it: name another one for --out")
    runs = [one for one in (place, *place.parents) if RunFolder(one).settings.exists()]
    if runs:
        raise UserError(f"{path} is inside the run {runs[0]}: name a folder outside of runs, or leave out --out")


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
    if path.suffix != suffix:
        raise UserError(f"{path} is not a {suffix} file, which is what the device runs: name another --device")
    return [path]


def _format(text: str) -> Format:
    for name in FORMATS:
        if name == text:
            return name
    raise UserError(f"there is no format {text!r}: name some of {', '.join(FORMATS)}")


def _check_hash(run: Run, path: Path) -> None:
    """Raises a PnasError for a file of a bundle, or of the run, that has changed since it was written."""
    Bundle.check_file(path)
    if path.resolve().is_relative_to(run.folder.path.resolve()):
        try:
            run.folder.files.check(run.folder.path / path.resolve().relative_to(run.folder.path.resolve()))
        except FormatError as error:
            raise FormatError(error.what, "the command report writes it again") from None


def _file_accuracies(run: Run, path: Path, only: str | None, test: Batches) -> list[tuple[str, float]]:
    """The runtime and the accuracy on it, for all that run the file."""
    suitable = runtimes_of(path, only)
    rows = []
    try:
        _check_hash(run, path)
        metadata = read_metadata(path)
        if metadata.labels != run.task.train.classes:
            raise UserError(
                f"{path} has other classes than {run.folder.path}: "
                f"{class_difference(metadata.labels, run.task.train.classes)}: name a file of this run"
            )
        prepare = metadata.preprocessing
        for runtime in suitable:
            model = runtime.load(path)

            def values(images: Tensor, model: LoadedFile = model) -> Tensor:
                return label_values(path, model(images), metadata.labels)

            batches = ((pixels if metadata.raw_pixels else prepare(pixels), labels) for pixels, labels in test)
            counted = run.reporter.counted(f"{path.name} on {runtime.name}", batches, len(test), "batches")
            rows.append((f"{runtime.name} {runtime.version}", accuracy(values, counted)))
    except ValueError as error:
        raise UserError(str(error)) from error
    return rows
