"""What a shipped file gets wrong, as data."""

from attrs import frozen


@frozen(kw_only=True)
class Mistake:
    """A test image that is not put into its class.

    Attributes:
        label: number of its class.
        answer: number of the class that it is put into.
        probability: of the answer, after softmax.
        picture: what the net sees of it, a PNG in base64.
    """

    label: int
    answer: int
    probability: float
    picture: str


@frozen(kw_only=True)
class Confusion:
    """How many images of one class are put into one, the same or another."""

    label: int
    answer: int
    count: int


@frozen(kw_only=True)
class Mistakes:
    """What a file makes of test images.

    Attributes:
        file, runtime: which file, and what ran it.
        images: how many test images it was given.
        confusions: every pair of classes that occurs.
        examples: some images that it gets wrong, the most confident answer first.
    """

    file: str
    runtime: str
    images: int
    confusions: tuple[Confusion, ...]
    examples: tuple[Mistake, ...]

    @property
    def wrong(self) -> int:
        """How many images are misclassified."""
        return sum(one.count for one in self.confusions if one.label != one.answer)
