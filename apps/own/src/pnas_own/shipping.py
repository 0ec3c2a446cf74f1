"""The last steps of a run: both nets are trained on, the found one becomes files that are proven."""

from collections.abc import Mapping

from torch import nn

from pnas_apps.devices.target import bundle_formats, shipped_format
from pnas_apps.ground.errors import UserError
from pnas_apps.run.folder import SEARCHED
from pnas_apps.showing.file_tables import proof_table
from pnas_apps.steps.net_export import CALIBRATION_IMAGES, kept_bundle
from pnas_apps.steps.net_training import go_on_training, is_trained
from pnas_apps.training.training import Training, TrainingDivergedError
from pnas_export import Bundle, Format, Metadata, export_bundle, file_name
from pnas_ops import ModuleArchitecture, save_weights
from pnas_own.run import ORIGINAL, OwnRun, read_into
from pnas_own.searching import Tabled
from pnas_own.trial import known_classes
from pnas_supernet import delete_checkpoint, extract

_INT8: Format = "tflite-int8"


def train(run: OwnRun, found: ModuleArchitecture) -> dict[str, nn.Module]:
    """The found net, from the weights of the search, and the original from its own, trained in the same way.

    Raises:
        CheckpointError: for a checkpoint that cannot be resumed from.
        UserError: where a loss is not finite.
    """
    nets = {
        SEARCHED: (found, extract(run.supernet, found)),
        ORIGINAL: (run.space.original, run.network),
    }
    return {name: _trained(run, name, net, network) for name, (net, network) in nets.items()}


def _trained(run: OwnRun, name: str, net: ModuleArchitecture, network: nn.Module) -> nn.Module:
    folder, warn = run.folder.network(name), run.session.reporter.warn
    if is_trained(folder, net, warn):
        read = folder.files.kept(folder.weights, read_into(network), warn)
        if read is not None:
            return read
    training = Training(
        network,
        run.preset.train,
        seed=run.seed,
        classes=known_classes(run.data, run.given),
        loss=run.given.loss,
        score=run.given.score,
    )
    try:
        trained = go_on_training(
            training,
            lambda epoch: run.data.training("all", "train", epoch),
            folder,
            name=f"{name} net",
            processes=run.session.processes,
            reporter=run.session.reporter,
        )
    except TrainingDivergedError as error:
        raise UserError(f"{error.what}: lower --train-lr") from None
    with folder.files.writing(folder.weights) as staged:
        save_weights(trained, staged)
    delete_checkpoint(folder.checkpoint)
    return trained


def export(run: OwnRun, tabled: Tabled, trained: Mapping[str, nn.Module]) -> Bundle:
    """The bundle of the found net: ONNX, TFLite, and int8 where the score bears it; that which is there is taken.

    Raises:
        ParityError, ConversionError: for a file that is not its net, or cannot be made.
    """
    network, path, reporter = trained[SEARCHED].eval(), run.folder.bundle(SEARCHED), run.session.reporter
    shipped = shipped_format(tabled.device)
    formats = [*bundle_formats(tabled.device)]
    bundle = kept_bundle(network, path, reporter.warn) or _exported(run, network, formats)
    if shipped != _INT8 and any(lossy.file == file_name(_INT8) for lossy in bundle.proof.lossy):
        reporter.console.print(proof_table(bundle.proof))
        reporter.warn(f"  {file_name(_INT8)} loses too much accuracy, see above: it does not ship")
        bundle = _exported(run, network, [one for one in formats if one != _INT8])
    reporter.console.print(proof_table(bundle.proof))
    return bundle


def _exported(run: OwnRun, network: nn.Module, formats: list[Format]) -> Bundle:
    with run.session.reporter.phases() as progress:
        return export_bundle(
            network,
            run.folder.bundle(SEARCHED),
            formats,
            metadata=Metadata(labels=run.data.classes, preprocessing=run.data.preprocessing),
            test=run.data.test(),
            score=run.given.score or "auto",
            calibration=run.data.calibration(CALIBRATION_IMAGES),
            cache=run.cache.conversions,
            log=run.folder.converter_log,
            progress=progress,
        )
