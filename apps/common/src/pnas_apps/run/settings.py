"""What a run was asked to do, as its folder keeps it."""

from attrs import field, frozen

from pnas_apps.run.device_settings import DeviceSettings
from pnas_apps.run.preset import Preset
from pnas_latency import Budget
from pnas_ops import Space


@frozen(kw_only=True)
class RunSettings:
    """What must be equal for an unfinished run to go on, and where its images are.

    Attributes:
        budget: what the net may cost.
        device: what it is searched for.
        data_dir: folder of the images, which may have moved since; None where they come with a library.
    """

    task: str
    seed: int
    preset: Preset
    space: Space
    train_images: int
    test_images: int
    budget: Budget = field(factory=Budget)
    device: DeviceSettings = field(factory=DeviceSettings)
    data_dir: str | None = field(default=None, eq=False)
