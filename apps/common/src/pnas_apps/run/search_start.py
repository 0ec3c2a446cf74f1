"""The search that another one starts from, as data."""

from attrs import field, frozen


@frozen(kw_only=True)
class SearchStart:
    """A finished search, whose supernet another one takes.

    Attributes:
        run: folder of its run, which may have moved since.
        sha256: of its checkpoint.
        alpha: whether its architecture parameters are taken, too; they begin as in any search otherwise.
    """

    run: str = field(eq=False)
    sha256: str
    alpha: bool = False
