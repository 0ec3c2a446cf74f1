"""How a run says whether its search was worth it."""

from attrs import field, frozen

from pnas_ops import Range

_MOST = 1_000_000
_SEEDS = 1000


@frozen(kw_only=True)
class CompareConfig:
    """What the searched net is compared with; each net is trained from scratch.

    Attributes:
        nets: random nets of the same latency; 0 where nothing is compared.
        epochs: of each training.
        seeds: trainings of each net, which differ in their fresh weights and in the order of the images.
    """

    nets: int = field(default=0, validator=Range(0, _MOST, whole=True))
    epochs: int = field(default=0, validator=Range(0, _MOST, whole=True))
    seeds: int = field(default=1, validator=Range(1, _SEEDS, whole=True))

    def __attrs_post_init__(self) -> None:
        if self.nets and not self.epochs:
            raise ValueError(f"'epochs' must be at least 1 to compare with {self.nets} nets, got 0")
