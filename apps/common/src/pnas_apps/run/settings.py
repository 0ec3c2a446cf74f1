"""What a run was asked to do, as its folder keeps it."""

from attrs import evolve, field, frozen

from pnas_apps.run.device_settings import DeviceSettings
from pnas_apps.run.preset import Preset
from pnas_latency import Budget
from pnas_ops import Space


@frozen(kw_only=True)
class RunSettings:
    """What must be equal for an unfinished run to go on, and where its images are.

    Attributes:
        train_images, test_images: how many there are; without those that cannot be read, where they were checked.
        classes: names, in the order of the labels; empty in files of earlier versions.
        checks_images: whether every photo is read before it is worked with.
        operations: of the space, those that are somebody's own, each with the hash of its code.
        budget: what the net may cost.
        metrics: commands that fill columns of the table, by their names.
        device: what it is searched for.
        data_dir: folder of the images, which may have moved since; None where they come with a library.
    """

    task: str
    seed: int
    preset: Preset
    space: Space
    train_images: int
    test_images: int
    classes: tuple[str, ...] = ()
    operations: dict[str, str] = field(factory=dict)
    checks_images: bool = field(default=False, eq=False)
    budget: Budget = field(factory=Budget)
    metrics: dict[str, str] = field(factory=dict)
    device: DeviceSettings = field(factory=DeviceSettings)
    data_dir: str | None = field(default=None, eq=False)

    def with_limits_of(self, other: "RunSettings") -> "RunSettings":
        """These, with the limits and the objective of others: what they are may be what the run was refused for."""
        return evolve(self, budget=other.budget, preset=evolve(self.preset, objective=other.preset.objective))
