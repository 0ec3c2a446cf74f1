"""The options of a run on a net of one's own."""

from attrs import field, frozen

from pnas_apps.photos.views import PhotoAugmentation
from pnas_apps.run.objective_config import ObjectiveConfig
from pnas_apps.run.preset import check_judged_nets
from pnas_apps.training.config import TrainConfig
from pnas_ops import Range
from pnas_supernet import SearchConfig

_SHARE = Range(0.0001, 0.9999)


@frozen(kw_only=True)
class OwnPreset:
    """Options; those of images are for image folders, and loaders of one's own know nothing of them.

    Attributes:
        resolution: side of the images in pixels.
        batch_size: images in a batch.
        test_share: of the images of a folder without `val` or `test`: those that judge the nets.
        validation_share: of the other images, those that the choice among the candidates learns on.
        max_corrupt_share: of all images, how many may be unreadable.
        imitation_epochs: passes over the images in which new candidates learn to give what the original layer gives.
        augmentation: of training images.
        objective: how latency and other costs enter the search.
        search: among the candidates.
        train: of the net that was found, and of the original.
        judged_nets: how many random nets are judged by what the search has learnt, see `CommonPreset`.
    """

    resolution: int = field(validator=Range(1, 4096, whole=True))
    batch_size: int = field(validator=Range(2, 1_000_000, whole=True))
    test_share: float = field(validator=_SHARE)
    validation_share: float = field(validator=_SHARE)
    max_corrupt_share: float = field(default=0.0, eq=False, validator=Range(0.0, 1.0))
    imitation_epochs: int = field(validator=Range(0, 1_000_000, whole=True))
    augmentation: PhotoAugmentation
    objective: ObjectiveConfig
    search: SearchConfig
    train: TrainConfig
    judged_nets: int = field(default=0, validator=Range(0, 1_000_000, whole=True))

    def __attrs_post_init__(self) -> None:
        check_judged_nets(self.search.gate, self.judged_nets)
