"""Mistakes that a user can mend."""


class PnasError(Exception):
    """What is wrong, and the way out of it, each as a part of one line; the base of all errors of that kind.

    A program prints the line and nothing else; one that knows a better way out for its own users takes `what` and says
    that instead. Errors of the packages are of a built-in class too, such as `ValueError`.

    Attributes:
        what: names the thing and what is wrong with it.
        way_out: what to do; empty where `what` says it already.
    """

    def __init__(self, what: str, way_out: str = "") -> None:
        super().__init__(what, way_out)
        self.what = what
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.what}: {self.way_out}" if self.way_out else self.what
