"""What must be equal for several processes to work on one study."""

from collections.abc import Sequence
from hashlib import sha256

from attrs import asdict, evolve, frozen

from pnas_apps.exploring.named_strategies import SUPERNET_STRATEGIES
from pnas_apps.images.image_hash import image_hash
from pnas_apps.run.exploration_settings import ExplorationSettings
from pnas_apps.run.preset import ImagePreset
from pnas_apps.run.run import Run
from pnas_latency import LatencyTable, Limit
from pnas_ops import to_json


@frozen(kw_only=True)
class Fingerprint:
    """What an exploration is, in words where they are short, else as a hash."""

    space: str
    limits: str
    strategy: str
    aims: str
    judge: str
    seed: str
    data: str
    training: str
    table: str

    def differences(self, other: "Fingerprint") -> tuple[str, ...]:
        """The names of what is not equal."""
        ours, theirs = asdict(self), asdict(other)
        return tuple(name for name in ours if ours[name] != theirs[name])


def fingerprint_of(
    run: Run, settings: ExplorationSettings, limits: Sequence[Limit], table: LatencyTable | None
) -> Fingerprint:
    """The fingerprint of an exploration.

    Args:
        run: has space, images, seed and training.
        settings: of the exploration.
        limits: the limits that every net keeps.
        table: the table that limits or aims are read from; None where none is needed.
    """
    preset = run.preset
    held_out = preset.validation_share if isinstance(preset, ImagePreset) else preset.validation_size
    # In how many parts a batch is taken is a matter of the machine's memory.
    training: tuple[object, ...] = (evolve(preset.train, micro_batches=1), preset.augmentation, preset.batch_size)
    if settings.strategy in SUPERNET_STRATEGIES:
        training = (*training, evolve(preset.search, micro_batches=1), preset.judged_nets)
    return Fingerprint(
        space=_hash(to_json(run.task.space)),
        limits=", ".join(f"{limit.metric.name} {limit.at_most:.10g}" for limit in limits),
        strategy=settings.strategy,
        aims=", ".join(settings.aims),
        judge=f"{settings.judge} {settings.accuracies} {settings.weights and settings.weights.sha256}",
        seed=f"{run.seed}",
        data=image_hash(run.task.train, run.loading),
        training=_hash(repr((training, preset.search_share, held_out, settings.judge_epochs))),
        table="" if table is None else _hash(to_json(table)),
    )


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
