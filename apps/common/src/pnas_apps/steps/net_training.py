"""The training of one net of a run, from the supernet's weights."""

import torch
from safetensors.torch import load_file, save
from torch import nn
from torch.optim.swa_utils import update_bn

from pnas_apps.run.folder import NetworkFolder, write_history
from pnas_apps.run.run import Run
from pnas_apps.training.config import TrainConfig
from pnas_apps.training.training import Training
from pnas_ops import Architecture, build_network, load_json, save_json, write_atomically
from pnas_supernet import (
    SuperNet,
    average,
    delete_checkpoint,
    extract,
    has_checkpoint,
    load_checkpoint,
    save_checkpoint,
)


def retrain(run: Run, supernet: SuperNet, architecture: Architecture, config: TrainConfig) -> nn.Module:
    """A net of the supernet, trained on all training images, with the BatchNorm statistics of unchanged images.

    Goes on from the net's checkpoint where there is one, and reads the weights where they are.
    """
    folder, train, processes = run.folder.network(architecture.name), run.task.train, run.processes
    if processes.first(folder.weights.exists):
        return load_network(folder).to(run.device)
    if processes.is_first:
        save_json(architecture, folder.architecture)
    network = extract(supernet, architecture)
    training = Training(network, config, seed=run.seed, classes=len(train.classes), group=processes.group)
    if processes.first(lambda: has_checkpoint(folder.checkpoint)):
        with run.reporter.warnings_as_lines():
            training.load_state_dict(load_checkpoint(folder.checkpoint, kind="training"))
    steps = len(run.training_batches(train))
    with run.reporter.bar(f"{architecture.name} net", config.epochs * steps) as advance:
        advance(len(training.history) * steps)
        while training.epochs_left:
            batches = run.training_batches(train, "train", len(training.history))
            record = training.run_epoch(batches, on_step=advance)
            if processes.is_first:
                save_checkpoint(training.state_dict(), folder.checkpoint, kind="training")
                write_history(folder.history, training.history)
            advance(0, text=f"accuracy {record.accuracy:.1%}, loss {record.loss:.3f}")
    trained = training.trained
    _recalibrate(run, trained)
    if processes.is_first:
        weights = {name: tensor.cpu().contiguous() for name, tensor in trained.state_dict().items()}
        write_atomically(folder.weights, save(weights))
        delete_checkpoint(folder.checkpoint)
    return trained


def _recalibrate(run: Run, network: nn.Module) -> None:
    """Replaces BatchNorm's statistics of augmented images by those of a pass over the images as they are."""
    update_bn(run.shuffled_batches(run.task.train, "recalibrate"), network)
    if run.processes.group is not None:
        average([buffer for buffer in network.buffers() if buffer.is_floating_point()], run.processes.group)


def load_network(folder: NetworkFolder) -> nn.Module:
    """The net that `retrain` left in a folder."""
    network = build_network(load_json(folder.architecture, Architecture))
    network.load_state_dict(load_file(folder.weights))
    return network.to(memory_format=torch.channels_last)
