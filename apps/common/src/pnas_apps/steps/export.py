"""The fourth step: the nets become files, which are proven."""

from pathlib import Path

from attrs import frozen
from rich.console import Console

from pnas_apps.devices.target import shipped_format
from pnas_apps.run.folder import holds_bundle
from pnas_apps.run.run import Run
from pnas_apps.showing.file_tables import proof_table
from pnas_apps.steps.net_export import export_network, export_reference
from pnas_apps.steps.train import Trained, TrainedNet
from pnas_export import Bundle, Format, file_name

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

    def show(self, console: Console) -> None:
        """Prints the proof of the bundle."""
        console.print(proof_table(self.bundle.proof))


def export(run: Run, trained: Trained) -> Exported:
    """A bundle of the searched net, and a file of each other one; those that are there already are taken.

    Raises:
        ParityError, ConversionError: for a file that is not its net, or cannot be made.
    """
    measured = shipped_format(trained.searched.tabled.device)
    searched, *references = trained.nets
    files = [export_reference(run, net.network, net.architecture.name, measured) for net in references]
    bundle = _export_searched(run, searched, measured)
    return Exported(trained=trained, bundle=bundle, files=(bundle.path / file_name(measured), *files))


def _export_searched(run: Run, net: TrainedNet, measured: Format) -> Bundle:
    path = run.folder.bundle(net.architecture.name)
    if holds_bundle(path):
        return Bundle.load(path)
    formats = _FORMATS if measured in _FORMATS else (*_FORMATS, measured)
    return export_network(run, net.network, net.architecture, path, formats)
