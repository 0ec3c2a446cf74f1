"""The training of one net of a run, from the supernet's weights."""

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from pnas_apps.run.folder import NetworkFolder, history_lines
from pnas_apps.run.run import Run
from pnas_apps.training.config import TrainConfig
from pnas_apps.training.training import Training
from pnas_ops import Architecture, FormatError, build_network, load_json, load_weights, save_weights
from pnas_supernet import (
    SuperNet,
    average,
    delete_checkpoint,
    extract,
    has_checkpoint,
    load_checkpoint,
    save_checkpoint,
    taking_state,
)


def retrain(run: Run, supernet: SuperNet, architecture: Architecture, config: TrainConfig) -> nn.Module:
    """A net of the supernet, trained on all training images, with the BatchNorm statistics of unchanged images.

    Goes on from the net's checkpoint where there is one, and reads the weights where they are.

    Raises:
        CheckpointError: for a checkpoint that cannot be gone on from.
        FormatError: for weights that are damaged, with the way out.
    """
    folder, train, processes = run.folder.network(architecture.name), run.task.train, run.processes
    if processes.first(lambda: _is_trained(run, folder, architecture)):
        return load_network(folder).to(run.device)
    network = extract(supernet, architecture)
    training = Training(network, config, seed=run.seed, classes=len(train.classes), group=processes.group)
    if processes.first(lambda: has_checkpoint(folder.checkpoint)):
        with run.reporter.warnings_as_lines():
            state = load_checkpoint(folder.checkpoint, kind="training")
        with taking_state(folder.checkpoint, kind="training"):
            training.load_state_dict(state)
    steps = len(run.training_batches(train))
    with run.reporter.bar(f"{architecture.name} net", config.epochs * steps) as advance:
        advance(len(training.history) * steps)
        while training.epochs_left:
            batches = run.training_batches(train, "train", len(training.history))
            record = training.run_epoch(batches, on_step=advance)
            if processes.is_first:
                save_checkpoint(training.state_dict(), folder.checkpoint, kind="training")
                folder.files.write(folder.history, history_lines(training.history))
            advance(0, text=f"accuracy {record.accuracy:.1%}, loss {record.loss:.3f}")
    trained = training.trained
    _recalibrate(run, trained)
    if processes.is_first:
        with folder.files.writing(folder.weights) as staged:
            save_weights(trained, staged)
        delete_checkpoint(folder.checkpoint)
    return trained


def _is_trained(run: Run, folder: NetworkFolder, architecture: Architecture) -> bool:
    """Whether the folder holds the weights of this net. Leaves in it what the net is."""
    found = run.kept(folder.architecture, lambda path: load_json(path, Architecture))
    if found is not None and found != architecture:
        run.reporter.console.print(
            f"  {folder.path} holds another net: it is trained again", style="yellow", soft_wrap=True
        )
        folder.weights.unlink(missing_ok=True)
        delete_checkpoint(folder.checkpoint)
    if found != architecture:
        folder.files.save(architecture, folder.architecture)
    trained = folder.weights.exists()
    if trained:
        delete_checkpoint(folder.checkpoint)  # a kill may have come before it was
    return trained


def _recalibrate(run: Run, network: nn.Module) -> None:
    """Replaces BatchNorm's statistics of augmented images by those of a pass over the images as they are."""
    update_bn(run.shuffled_batches(run.task.train, "recalibrate"), network)
    if run.processes.group is not None:
        average([buffer for buffer in network.buffers() if buffer.is_floating_point()], run.processes.group)


def load_network(folder: NetworkFolder) -> nn.Module:
    """The net that `retrain` left in a folder.

    Raises:
        FormatError: for files of it that are damaged, with the way out.
    """
    try:
        folder.files.check(folder.architecture)
        network = build_network(load_json(folder.architecture, Architecture))
    except FormatError as error:
        raise FormatError(error.what, "the command train writes it anew") from None
    try:
        folder.files.check(folder.weights)
        load_weights(network, folder.weights)
    except FormatError as error:
        raise FormatError(error.what, f"delete {folder.path}, and the command train trains this net again") from None
    return network.to(memory_format=torch.channels_last)
