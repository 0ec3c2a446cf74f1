"""What is wrong with a place, or with what is to stand there."""

from pnas_ops import PnasError


class PlaceError(PnasError, ValueError):
    """A module cannot be a place where a net changes, or a candidate cannot stand there."""
