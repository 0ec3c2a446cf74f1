"""Judging a net by a short training of its own."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from attrs import evolve, field, frozen

from pnas_apps.ground.console import SafeConsole
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.source import ImageSource
from pnas_apps.run.file_hashes import FileHashes
from pnas_apps.run.network_folder import NetworkFolder
from pnas_apps.run.run import Run
from pnas_apps.steps.net_training import train_network
from pnas_apps.steps.search_images import split_search_images
from pnas_apps.training.config import TrainConfig
from pnas_apps.training.judging import accuracy
from pnas_apps.training.training import TrainingDivergedError
from pnas_ops import Architecture, Judgement, PnasError, build_network, load_json
from pnas_supernet import tuned


@frozen(kw_only=True, eq=False)
class ScratchJudge:
    """A `Judge` that trains each net from scratch, and judges it on training images that none of them learns.

    All nets learn the same images, those that the weights of a search would learn, and are judged on the same others,
    those of its architecture. No test image is looked at.

    Attributes:
        run: with its images and its way of training.
        epochs: of each net's training.
        folder: for the checkpoint of the net that is being judged, from which it resumes after a kill.
        on_step: called after every step.
        held_out: the images that nets are judged on.
    """

    run: Run
    epochs: int
    folder: Path
    on_step: Callable[[], None] = lambda: None
    _learnt: ImageSource = field(init=False)
    held_out: ImageSource = field(init=False)

    def __attrs_post_init__(self) -> None:
        learnt, held_out = split_search_images(self.run.task.train, self.run.preset, self.run.generator)
        object.__setattr__(self, "_learnt", learnt)
        object.__setattr__(self, "held_out", held_out)

    @property
    def passes(self) -> float:
        """Passes over all training images that one net takes; one without learning counts as a third of one with it."""
        learnt, held_out = len(self._learnt), len(self.held_out)
        return (self.epochs * learnt + (learnt + held_out) / 3) / len(self.run.task.train)

    @property
    def config(self) -> TrainConfig:
        """The run's training configuration, with another number of epochs."""
        train = self.run.preset.train
        return evolve(train, epochs=self.epochs, warmup_epochs=min(train.warmup_epochs, self.epochs // 2))

    def judge(self, architecture: Architecture, generator: torch.Generator) -> Judgement:
        """The accuracy on the held-out images, from 0 to 1; 0, with a warning, for a net whose training diverges.

        Raises:
            CheckpointError: for a checkpoint that cannot be resumed from.
            UserError: where the memory of a GPU does not suffice, with the way on.
        """
        folder, seed = self._folder_for(architecture), int(torch.randint(2**62, (), generator=generator))
        learnt, held_out = (images.resized(architecture.resolution) for images in (self._learnt, self.held_out))
        run = evolve(self.run, task=evolve(self.run.task, train=learnt), reporter=_Steps(self.on_step))
        network = build_network(architecture, generator=generator)
        network.to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        with tuned(run.device, deterministic=run.deterministic):
            try:
                trained = train_network(
                    run, network, self.config, folder, name="net", seed=seed, purpose=("judge", seed)
                )
                value = accuracy(trained.eval(), run.ordered_batches(held_out))
            except TrainingDivergedError as error:
                self.run.reporter.warn(f"  {error.what}: the net counts as 0% accurate")
                value = 0.0
        return Judgement(value=value, epochs=self.passes)

    def _folder_for(self, architecture: Architecture) -> NetworkFolder:
        """The folder for this net, without the checkpoint of another one."""
        folder = NetworkFolder(self.folder, FileHashes(self.folder))
        try:
            same = folder.architecture.exists() and load_json(folder.architecture, Architecture) == architecture
        except PnasError:
            same = False
        if not same:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            folder.files.save(architecture, folder.architecture)
        return folder


class _Steps(Reporter):
    """Shows nothing of a training, and says when it has taken a step."""

    def __init__(self, on_step: Callable[[], None]) -> None:
        super().__init__(SafeConsole(quiet=True))
        self._on_step = on_step

    @contextmanager
    def bar(self, what: str, total: int, unit: str | None = None) -> Iterator[Callable[..., None]]:
        """Calls `on_step` whenever it is advanced."""

        def advance(steps: int = 1, *, text: str | None = None) -> None:
            self._on_step()

        yield advance
