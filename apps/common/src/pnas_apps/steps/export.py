"""The fourth step: the nets become files, which are proven."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen
from rich.console import Console

from pnas_apps.devices.target import shipped_format, sized_format
from pnas_apps.ground.errors import UserError
from pnas_apps.run.results import LimitResult, limit_results
from pnas_apps.run.run import Run
from pnas_apps.run.task import Task
from pnas_apps.showing.file_tables import proof_table
from pnas_apps.showing.run_tables import excess_lines
from pnas_apps.steps.int8_adjustments import kept_adjustments
from pnas_apps.steps.net_export import export_network, export_reference, formats_in, kept_bundle, takes_raw_pixels
from pnas_apps.steps.train import Trained, TrainedNet
from pnas_export import CALIBRATED_FORMATS, MIN_CALIBRATION_IMAGES, Bundle, Format, file_name, tflite_sizes

_FORMATS: tuple[Format, ...] = ("onnx", "tflite", "tflite-int8")


@frozen(kw_only=True, eq=False)
class Exported:
    """The files of a run's nets.

    Attributes:
        trained: the nets.
        bundle: of the net that was searched.
        files: one of each net, in the order of the nets, as the run's device takes it.
    """

    trained: Trained
    bundle: Bundle
    files: tuple[Path, ...]

    @property
    def sized(self) -> Path:
        """The file of the searched net that limits on bytes are about."""
        return self.bundle.path / file_name(sized_format(self.trained.searched.tabled.table.device.dtype))

    def limits(
        self, run: Run, *, measured_ms: float | None = None, columns: Mapping[str, float] | None = None
    ) -> tuple[LimitResult, ...]:
        """The limits of a run beside what ships, see `limit_results`."""
        searched = self.trained.searched
        return limit_results(
            run.budget,
            searched.tabled.table,
            searched.architecture,
            tflite_sizes(self.sized),
            measured_ms=measured_ms,
            columns=columns or {},
        )

    def show(self, console: Console) -> None:
        """Prints the proof of the bundle."""
        console.print(proof_table(self.bundle.proof))


def check_calibration(task: Task, formats: Sequence[Format] = _FORMATS) -> None:
    """Raises a UserError where there are too few training images to show files of these formats their ranges."""
    found = len(task.train)
    if found < MIN_CALIBRATION_IMAGES and set(formats) & set(CALIBRATED_FORMATS):
        raise UserError(
            f"{task.name} has {found} training images, and int8 files need {MIN_CALIBRATION_IMAGES} to find their "
            f"ranges on: add {MIN_CALIBRATION_IMAGES - found}; or do without them: search, train, and export --format "
            "onnx, tflite, tflite-float16 or tflite-dynamic-int8"
        )


def export(run: Run, trained: Trained) -> Exported:
    """A bundle of the searched net, and a file of each other one; those that are there already are taken.

    Says where what ships does not keep a limit on bytes.

    Raises:
        ParityError, ConversionError: for a file that is not its net, or cannot be made.
    """
    measured = shipped_format(trained.searched.tabled.device)
    searched, *references = trained.nets
    files = [export_reference(run, net.network, net.architecture.name, measured) for net in references]
    bundle = _export_searched(run, searched, measured)
    exported = Exported(trained=trained, bundle=bundle, files=(bundle.path / file_name(measured), *files))
    for line in excess_lines(exported.limits(run), file=exported.sized.name):
        run.reporter.console.print(line, style="yellow", soft_wrap=True)
    return exported


def _export_searched(run: Run, net: TrainedNet, measured: Format) -> Bundle:
    path = run.folder.bundle(net.architecture.name)
    kept, there = kept_bundle(net.network, path, run.reporter.warn), formats_in(path)
    if kept is not None and measured in there:
        return kept
    formats = [*there, *_FORMATS, measured] if kept is None else [*there, measured]
    return export_network(
        run,
        net.network,
        net.architecture,
        path,
        formats,
        adjustments=kept_adjustments(run.folder.network(net.architecture.name), path, formats),
        raw_pixels=takes_raw_pixels(path),
    )
