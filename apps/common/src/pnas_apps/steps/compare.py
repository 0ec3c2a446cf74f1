"""The fourth step: the searched net and others are trained in the same way, from scratch: did the search pay?

Weights from the supernet favour the net that was visited most: here all nets begin with fresh ones, the searched net
too. They are trained on all training images and judged once, after their last epoch, on the test images; nothing is
chosen by what these say.
"""

import shutil
from contextlib import nullcontext

import torch
from attrs import evolve, frozen
from rich.console import Console

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.randomness import seed_of
from pnas_apps.run.accuracies import Finished, digest
from pnas_apps.run.checked_lines import as_lines, read_lines
from pnas_apps.run.compare_config import CompareConfig
from pnas_apps.run.run import Run
from pnas_apps.run.verdict import ComparedNet, Contender, Verdict
from pnas_apps.showing.verdict_table import verdict_page
from pnas_apps.steps.contenders import contenders
from pnas_apps.steps.net_training import is_trained, train_network
from pnas_apps.steps.table import Tabled
from pnas_apps.steps.train import Trained
from pnas_apps.training.config import TrainConfig
from pnas_apps.training.judging import accuracy
from pnas_apps.training.training import TrainingDivergedError
from pnas_ops import Architecture, TreeBlockSpec, architecture_macs, architecture_parameters, build_network
from pnas_supernet import tuned


@frozen(kw_only=True, eq=False)
class Compared:
    """The net of a run, and the verdict on its search; None where nothing was to be compared."""

    trained: Trained
    verdict: Verdict | None

    def show(self, console: Console) -> None:
        """Prints how good the net is, and the verdict."""
        self.trained.show(console)
        if self.verdict is not None:
            console.print(verdict_page(self.verdict))


def compare(run: Run, trained: Trained) -> Compared:
    """Trains the searched net and others from scratch, as the preset says; finished trainings are read.

    Raises:
        CheckpointError: for a checkpoint that cannot be resumed from.
        UserError: where a loss is not finite.
    """
    verdict, searched = None, trained.searched
    if run.preset.compare.nets:
        try:
            verdict = find_verdict(run, searched.tabled, searched.architecture, run.preset.compare)
        except TrainingDivergedError as error:
            raise UserError(f"{error.what}: resume with --compare 0, or start again with a lower --train-lr") from None
    else:
        run.reporter.line("  nothing is compared (--compare 0)")
    return Compared(trained=trained, verdict=verdict)


def find_verdict(run: Run, tabled: Tabled, searched: Architecture, config: CompareConfig) -> Verdict:
    """The verdict on a search: trains what is not done yet, and leaves a line of each training in the run's folder.

    Args:
        run: whose images, training and seed these are.
        tabled: predicts and measures nets.
        searched: the net that was found.
        config: with how many nets it is compared, how often and how long each is trained.

    Raises:
        CheckpointError: for a checkpoint that cannot be resumed from.
        TrainingDivergedError: where a loss is not finite, naming the net.
    """
    folder, first = run.folder, run.processes.first
    found = first(lambda: contenders(run, tabled, searched, config.nets).first(config.nets))
    done = {one.place: one for one in first(lambda: _finished(run))}
    remarks = found.remarks(config.nets)
    for line in remarks:
        run.reporter.line(f"  {line}")
    # A net that is there for two reasons, such as the fastest that was found, is trained once.
    places = {(digest(net.architecture), config.epochs, seed) for seed in range(config.seeds) for net in found.nets}
    left = len(places - done.keys())
    if left < len(places):
        passes = f"{left * config.epochs} pass{'' if left * config.epochs == 1 else 'es'} over the training images"
        run.reporter.line(f"  {left} of {len(places)} trainings are left: {passes}")
    batches = left * config.epochs * len(run.training_batches(run.task.train, "anew"))
    bar = run.reporter.bar_of_parts("training from scratch", batches, "steps") if left else nullcontext(run.reporter)
    with bar as reporter:
        part = evolve(run, reporter=reporter)
        # All nets with one seed, then with the next: whoever loses patience has something to compare.
        for seed in range(config.seeds):
            for net in found.nets:
                place = (digest(net.architecture), config.epochs, seed)
                if place not in done:
                    with tuned(run.device, deterministic=run.deterministic):
                        share = trained_anew(part, net, seed=seed, epochs=config.epochs)
                    done[place] = Finished(
                        net=net.name, digest=place[0], epochs=config.epochs, seed=seed, accuracy=share
                    )
                    first(lambda: folder.files.write(folder.accuracies, as_lines(done.values())))
                first(lambda: _forget(run, net, seed, config.epochs))  # noqa: B023
    return Verdict(
        epochs=config.epochs,
        seeds=config.seeds,
        test_images=len(run.task.test),
        nets=tuple(
            ComparedNet(
                name=net.name,
                kind=net.kind,
                parameters=architecture_parameters(net.architecture),
                macs=architecture_macs(net.architecture),
                predicted_ms=net.predicted_ms,
                measured_ms=net.measured_ms,
                noisy=net.noisy,
                accuracies=tuple(
                    done[digest(net.architecture), config.epochs, seed].accuracy for seed in range(config.seeds)
                ),
            )
            for net in found.nets
        ),
        remarks=remarks,
    )


def _finished(run: Run) -> tuple[Finished, ...]:
    """The finished trainings; warns of damaged ones, which are done again."""
    path, files = run.folder.accuracies, run.folder.files
    if not path.exists():
        return ()
    changed = files.has_changed(path)
    found, damaged = read_lines(path, Finished, unchanged=not changed)
    for number in damaged:
        run.reporter.warn(f"  {path}, line {number} is damaged: its net is trained again")
    if changed:
        files.write(path, as_lines(found))
    return found


def trained_anew(run: Run, net: Contender, *, seed: int, epochs: int) -> float:
    """The share of the test images that a net classifies correctly after its training, which is resumed if need be.

    Args:
        run: whose images, training and seed these are.
        net: which gets fresh weights.
        seed: number of the training, from 0.
        epochs: of the training.

    Raises:
        CheckpointError: for a checkpoint that cannot be resumed from.
        TrainingDivergedError: where the loss is not finite, naming the net.
    """
    architecture, folder = net.architecture, run.folder.anew(net.name, epochs=epochs, seed=seed)
    run.processes.first(lambda: is_trained(folder, architecture, run.reporter.warn))  # notes what is trained there
    sized = run.sized_for(architecture)
    network = build_network(architecture, generator=run.generator("anew", seed, "weights"))
    name = f"{net.name} net, seed {seed}"
    try:
        trained = train_network(
            sized,
            network.to(run.device, memory_format=torch.channels_last),  # type: ignore[call-overload]
            _config(run, architecture, epochs),
            folder,
            name=name,
            seed=seed_of(run.seed, "anew", seed),
            purpose=("anew", seed),
        )
    except TrainingDivergedError as error:
        raise TrainingDivergedError(f"{name}, trained from scratch: {error.what}", error.way_out) from None
    return accuracy(trained.eval(), sized.ordered_batches(sized.task.test), processes=run.processes)


def _config(run: Run, net: Architecture, epochs: int) -> TrainConfig:
    """How all are trained; a net without trees has no paths to drop."""
    config = run.preset.train_to_compare(epochs)
    has_trees = any(isinstance(block.op, TreeBlockSpec) for block in net.blocks)
    return config if has_trees else evolve(config, path_dropping=0.0)


def _forget(run: Run, net: Contender, seed: int, epochs: int) -> None:
    """Removes what a training that is done was gone on from."""
    shutil.rmtree(run.folder.anew(net.name, epochs=epochs, seed=seed).path, ignore_errors=True)
