"""The training of one net of a run."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from attrs import evolve
from torch import nn
from torch.optim.swa_utils import update_bn

from pnas_apps.ground.processes import Processes
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.folder import history_lines
from pnas_apps.run.network_folder import NetworkFolder
from pnas_apps.run.run import Run
from pnas_apps.showing.events import training_events
from pnas_apps.steps.memory import within_memory
from pnas_apps.steps.saving import Saves
from pnas_apps.training.config import TrainConfig
from pnas_apps.training.training import Training, TrainRecord
from pnas_ops import AnyNet, Architecture, Batches, FormatError, build_network, load_json, load_weights, save_weights
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

Watch = Callable[[TrainRecord], None]
"""Is given the record of every epoch of a training."""


def retrain(run: Run, supernet: SuperNet | None, architecture: Architecture, config: TrainConfig) -> nn.Module:
    """A net of the supernet, trained as `train_network` does; its weights are read where they are in its folder.

    Without a supernet, as after an exploration, it starts from scratch.

    Raises:
        CheckpointError: for a checkpoint that cannot be resumed from.
        FormatError: for weights that are damaged, with the way out.
        UserError: where the memory of a GPU does not suffice, with the way on.
    """
    folder, processes = run.folder.network(architecture.name), run.processes
    if processes.first(lambda: is_trained(folder, architecture, run.reporter.warn)):
        return load_network(folder).to(run.device)
    sized = run.sized_for(architecture)
    network = fresh_network(run, architecture) if supernet is None else extract(supernet, architecture)
    events = run.folder.events / "train" if run.tensorboard and processes.is_first else None
    name = f"{architecture.name} net"
    trained = train_network(sized, network, config, folder, name=name, seed=run.seed, events=events)
    if processes.is_first:
        with folder.files.writing(folder.weights) as staged:
            save_weights(trained, staged)
        delete_checkpoint(folder.checkpoint)
    return trained


def fresh_network(run: Run, architecture: Architecture) -> nn.Module:
    """A net on the run's device, with weights that the run's seed draws for its name."""
    network = build_network(architecture, generator=run.generator("first weights", architecture.name))
    return network.to(run.device, memory_format=torch.channels_last)  # type: ignore[no-any-return, call-overload]


def train_network(
    run: Run,
    network: nn.Module,
    config: TrainConfig,
    folder: NetworkFolder,
    *,
    name: str,
    seed: int,
    purpose: Sequence[str | int] = ("train",),
    events: Path | None = None,
) -> nn.Module:
    """A net trained on all training images, with the BatchNorm statistics of unchanged images.

    Resumes from the checkpoint in the net's folder where there is one.

    Args:
        run: with images of the size that the net takes.
        network: with the weights that it begins with, on the run's device.
        config: of the training.
        folder: of the net.
        name: of the training, for people.
        seed: of dropout, stochastic depth and mixing.
        purpose: what the images are shuffled and augmented for; the same purpose gives the same batches.
        events: folder of what is written for TensorBoard; nothing is if None.

    Raises:
        CheckpointError: for a checkpoint that cannot be resumed from.
        TrainingDivergedError: where the loss is not finite.
        UserError: where the memory of a GPU does not suffice, with the way on.
    """
    train, processes = run.task.train, run.processes
    training = Training(network, config, seed=seed, classes=len(train.classes), group=processes.group)

    def batches(epoch: int) -> Batches:
        return run.training_batches(train, *purpose, epoch)

    def step_in(parts: int) -> None:
        tried = Training(network, evolve(config, micro_batches=parts), seed=seed, classes=len(train.classes))
        tried.run_epoch([next(iter(batches(0)))], on_step=lambda: None)

    def go_on() -> nn.Module:
        watching: AbstractContextManager[Watch | None] = nullcontext() if events is None else training_events(events)
        with watching as watch:
            return go_on_training(
                training, batches, folder, name=name, processes=processes, reporter=run.reporter, watch=watch
            )

    trained = within_memory(
        go_on,
        flag="--train-micro-batches",
        parts=config.micro_batches,
        images=run.preset.batch_size // processes.size,
        attempt=step_in,
    )
    _recalibrate(run, trained)
    return trained


def go_on_training(
    training: Training,
    batches: Callable[[int], Batches],
    folder: NetworkFolder,
    *,
    name: str,
    processes: Processes,
    reporter: Reporter,
    watch: Watch | None = None,
) -> nn.Module:
    """What a training ends with, which resumes from the checkpoint in the net's folder where there is one.

    Args:
        training: a training that has not begun.
        batches: of an epoch.
        folder: of the net.
        name: of the training, for people.
        processes: the processes that train as one.
        reporter: shows progress.
        watch: is given the record of every epoch, of those before an interruption first.

    Raises:
        CheckpointError: for a checkpoint that cannot be resumed from.
        TrainingDivergedError: where the loss is not finite.
    """
    if processes.first(lambda: has_checkpoint(folder.checkpoint)):
        with reporter.warnings_as_lines():
            state = load_checkpoint(folder.checkpoint, kind="training")
        with taking_state(folder.checkpoint, kind="training"):
            training.load_state_dict(state)
    if watch is not None:
        for record in training.history:
            watch(record)
    steps, saves = len(batches(0)), Saves()
    with reporter.bar(name, training.config.epochs * steps, "steps") as advance:
        advance(len(training.history) * steps)
        while training.epochs_left:
            record = training.run_epoch(batches(len(training.history)), on_step=advance)
            if processes.is_first:
                if saves.is_worth_it or not training.epochs_left:
                    saves.write(lambda: save_checkpoint(training.state_dict(), folder.checkpoint, kind="training"))
                folder.files.write(folder.history, history_lines(training.history))
            if watch is not None:
                watch(record)
            advance(0, text=str(record))
    return training.trained


def is_trained(folder: NetworkFolder, architecture: AnyNet, tell: Callable[[str], None]) -> bool:
    """Whether the folder holds the weights of this net. Leaves in it what the net is.

    Args:
        folder: of the net.
        architecture: what it is.
        tell: is given a line where another net is there, or something is damaged.
    """
    found = folder.files.kept(folder.architecture, lambda path: load_json(path, type(architecture)), tell)
    if found is not None and found != architecture:
        tell(f"  {folder.path} holds another net: it is trained again")
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
        raise FormatError(error.what, "the command train writes it again") from None
    try:
        folder.files.check(folder.weights)
        load_weights(network, folder.weights)
    except FormatError as error:
        raise FormatError(error.what, f"delete {folder.path}, and the command train trains this net again") from None
    return network.to(memory_format=torch.channels_last)
