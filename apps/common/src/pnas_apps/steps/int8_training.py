"""The short training of a net of a run that lets it bear int8."""

import torch
from attrs import evolve
from torch import nn

from pnas_apps.run.network_folder import NetworkFolder
from pnas_apps.run.run import Run
from pnas_apps.steps.net_export import CALIBRATION_IMAGES, spread
from pnas_apps.steps.net_training import load_network
from pnas_apps.training.config import TrainConfig
from pnas_apps.training.training import Training
from pnas_export import FakeQuantized
from pnas_ops import FormatError, load_weights, save_weights

_LR = 1e-3
"""Of Adam."""


def fine_tune(run: Run, folder: NetworkFolder, epochs: int) -> nn.Module:
    """A trained net with weights for int8, which are kept beside its own: those stay as they are.

    Args:
        run: whose training images and preset these are, and whose seed.
        folder: of the net.
        epochs: of fake quantization, by Adam.

    Raises:
        TrainingDivergedError: where the loss is not finite.
        ValueError: for a net that cannot be fine-tuned.
    """
    train = run.task.train
    calibration = run.preprocessing(run.pixels(spread(train, CALIBRATION_IMAGES)))
    fake = FakeQuantized(load_network(folder).to(run.device), calibration)
    # Nets that int8 harms have channels of very different sizes, for which SGD has no learning rate.
    optimizer = torch.optim.Adam(fake.parameters())
    training = Training(fake, int8_config(run.preset.train, epochs), seed=run.seed, optimizer=optimizer)
    steps = len(run.training_batches(train))
    with run.reporter.bar("fine-tuning for int8", epochs * steps, "steps") as advance:
        for epoch in range(epochs):
            record = training.run_epoch(run.training_batches(train, "fine-tune", epoch), on_step=advance)
            advance(0, text=str(record))
    tuned = fake.trained.cpu()
    with folder.files.writing(folder.int8_weights) as staged:
        save_weights(tuned, staged)
    return tuned


def int8_config(config: TrainConfig, epochs: int) -> TrainConfig:
    """The fine-tuning of a net that `config` trained: short, and of the net as it is."""
    return evolve(
        config,
        epochs=epochs,
        warmup_epochs=0,
        lr=_LR,
        precision="float32",
        ema_decay=0.0,
        dropout=0.0,
        stochastic_depth=0.0,
        path_dropping=0.0,
        mixup=0.0,
        cutmix=0.0,
        sync_batch_norm=False,
    )


def load_fine_tuned(folder: NetworkFolder) -> nn.Module:
    """What `fine_tune` left in a folder.

    Raises:
        FormatError: for weights that are gone or damaged, with the way out.
    """
    network = load_network(folder)
    try:
        folder.files.check(folder.int8_weights)
        load_weights(network, folder.int8_weights)
    except (FormatError, FileNotFoundError) as error:
        what = error.what if isinstance(error, FormatError) else f"{folder.int8_weights} is gone"
        raise FormatError(what, "give --fine-tune EPOCHS with the --format of each fine-tuned file") from None
    return network
