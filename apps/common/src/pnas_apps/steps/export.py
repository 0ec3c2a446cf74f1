"""The fifth step: the net becomes files, which are proven."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from attrs import frozen
from rich.console import Console

from pnas_apps.devices.target import bundle_formats, shipped_format, sized_format
from pnas_apps.ground.errors import UserError
from pnas_apps.run.results import LimitResult, limit_results
from pnas_apps.run.run import Run
from pnas_apps.showing.file_tables import proof_table
from pnas_apps.showing.limit_lines import excess_lines
from pnas_apps.steps.compare import Compared
from pnas_apps.steps.int8_adjustments import kept_adjustments
from pnas_apps.steps.net_export import export_network, formats_in, kept_bundle, takes_raw_pixels
from pnas_apps.steps.train import Trained, TrainedNet
from pnas_export import (
    CALIBRATED_FORMATS,
    MIN_CALIBRATION_IMAGES,
    Bundle,
    Format,
    file_name,
    tflite_sizes,
)

_CONVERTERS = {
    ".onnx": ("onnx", "onnxscript", "onnxruntime"),
    ".tflite": ("litert_torch", "ai_edge_litert", "ai_edge_quantizer"),
}


@frozen(kw_only=True, eq=False)
class Exported:
    """The files of a run's net.

    Attributes:
        compared: the net, and the verdict on its search.
        bundle: its files.
        file: the one that the run's device takes, or that ships where it takes none.
    """

    compared: Compared
    bundle: Bundle
    file: Path

    @property
    def trained(self) -> Trained:
        """The net."""
        return self.compared.trained

    @property
    def sized(self) -> Path | None:
        """The file that limits on bytes are about, see `sized_format`."""
        tabled = self.trained.searched.tabled
        format_ = sized_format(tabled.device, tabled.table)
        return None if format_ is None else self.bundle.path / file_name(format_)

    def limits(
        self, run: Run, *, measured_ms: float | None = None, columns: Mapping[str, float] | None = None
    ) -> tuple[LimitResult, ...]:
        """The limits of a run with what ships, see `limit_results`."""
        searched = self.trained.searched
        return limit_results(
            run.budget,
            searched.tabled.table,
            searched.architecture,
            None if self.sized is None else tflite_sizes(self.sized),
            measured_ms=measured_ms,
            columns=columns or {},
        )

    def show(self, console: Console) -> None:
        """Prints the proof of the bundle."""
        console.print(proof_table(self.bundle.proof))


def missing_converters(formats: Sequence[Format]) -> tuple[str, ...]:
    """What is not installed here of all that makes and proves files of these formats, by the names to install."""
    suffixes = {Path(file_name(one)).suffix for one in formats}
    needed = [name for suffix, names in _CONVERTERS.items() if suffix in suffixes for name in names]
    return tuple(name.replace("_", "-") for name in needed if find_spec(name) is None)


_WITHOUT_INT8 = (
    "; or avoid int8: search, train, and export --format onnx, tflite, tflite-float16 or tflite-dynamic-int8"
)


def check_calibration(name: str, found: int, formats: Sequence[Format], *, or_else: str = _WITHOUT_INT8) -> None:
    """Raises a UserError where there are too few training images to show files of these formats their ranges.

    Args:
        name: of the images.
        found: how many there are.
        formats: of the files.
        or_else: a way out beside more images.
    """
    if found < MIN_CALIBRATION_IMAGES and set(formats) & set(CALIBRATED_FORMATS):
        raise UserError(
            f"{name} has {found} training images, but int8 files need {MIN_CALIBRATION_IMAGES} for calibration: add "
            f"{MIN_CALIBRATION_IMAGES - found}{or_else}"
        )


def export(run: Run, compared: Compared) -> Exported:
    """A bundle of the searched net; one that is there already is taken.

    Says where what ships does not keep a limit on bytes.

    Raises:
        ParityError, ConversionError: for a file that is not its net, or cannot be made.
    """
    trained = compared.trained
    device = trained.searched.tabled.device
    shipped = shipped_format(device)
    bundle = _export_searched(run, trained.net, shipped, bundle_formats(device))
    exported = Exported(compared=compared, bundle=bundle, file=bundle.path / file_name(shipped))
    if exported.sized is not None:
        for line in excess_lines(exported.limits(run), file=exported.sized.name):
            run.reporter.console.print(line, style="yellow", soft_wrap=True)
    return exported


def _export_searched(run: Run, net: TrainedNet, shipped: Format, usual: Sequence[Format]) -> Bundle:
    path = run.folder.bundle(net.architecture.name)
    kept, there = kept_bundle(net.network, path, run.reporter.warn), formats_in(path)
    if kept is not None and shipped in there:
        return kept
    formats = [*there, *(usual if kept is None else [shipped])]
    return export_network(
        run,
        net.network,
        net.architecture,
        path,
        formats,
        adjustments=kept_adjustments(run.folder.network(net.architecture.name), path, formats),
        raw_pixels=takes_raw_pixels(path),
    )
