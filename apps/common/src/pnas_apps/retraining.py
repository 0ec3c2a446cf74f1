"""The training of a run's nets, from the supernet's weights."""

import torch
from safetensors.torch import load_file, save
from torch import nn
from torch.optim.swa_utils import update_bn

from pnas_apps.checkpoints import load_checkpoint, save_checkpoint
from pnas_apps.images import ImageBatches, ImageSet, Normalization, seeded_generator
from pnas_apps.progress import Reporter
from pnas_apps.run_folder import NetworkFolder, write_history
from pnas_apps.settings import Preset
from pnas_apps.training import Training
from pnas_ops import Architecture, build_network, load_json, save_json, write_atomically
from pnas_supernet import SuperNet, extract


def retrain(
    supernet: SuperNet,
    architecture: Architecture,
    train: ImageSet,
    preset: Preset,
    normalization: Normalization,
    folder: NetworkFolder,
    *,
    seed: int,
    reporter: Reporter,
) -> nn.Module:
    """A net of the supernet, trained on all training images, with the BatchNorm statistics of unchanged images.

    Goes on from the folder's checkpoint where there is one, and reads the weights where they are.
    """
    if folder.weights.exists():
        return load_network(folder)
    save_json(architecture, folder.architecture)
    network = extract(supernet, architecture).to(memory_format=torch.channels_last)
    training = Training(network, preset.train)
    if folder.checkpoint.exists():
        training.load_state_dict(load_checkpoint(folder.checkpoint))

    def batches(epoch: int) -> ImageBatches:
        return ImageBatches(
            train,
            normalization,
            batch_size=preset.batch_size,
            generator=seeded_generator(seed, "train", epoch),
            augmentation=preset.augmentation,
        )

    steps = len(batches(0))
    with reporter.bar(f"{architecture.name} net", preset.train.epochs * steps) as advance:
        advance((preset.train.epochs - training.epochs_left) * steps)
        while training.epochs_left:
            record = training.run_epoch(batches(len(training.history)), on_step=advance)
            save_checkpoint(training.state_dict(), folder.checkpoint)
            write_history(folder.history, training.history)
            advance(0, text=f"accuracy {record.accuracy:.1%}, loss {record.loss:.3f}")
    recalibrate(network, train, normalization, batch_size=preset.batch_size, seed=seed)
    write_atomically(folder.weights, save({name: tensor.contiguous() for name, tensor in network.state_dict().items()}))
    folder.checkpoint.unlink(missing_ok=True)
    return network


def recalibrate(
    network: nn.Module, train: ImageSet, normalization: Normalization, *, batch_size: int, seed: int
) -> None:
    """Replaces the running statistics of BatchNorm by those of the training images, not augmented, shuffled."""
    generator = seeded_generator(seed, "recalibrate")
    update_bn(ImageBatches(train, normalization, batch_size=batch_size, generator=generator), network)


def load_network(folder: NetworkFolder) -> nn.Module:
    """The net that `retrain` left in a folder."""
    network = build_network(load_json(folder.architecture, Architecture))
    network.load_state_dict(load_file(folder.weights))
    return network.to(memory_format=torch.channels_last)
