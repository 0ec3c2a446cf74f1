"""Errors about places and their candidates."""

from pnas_ops import PnasError


class PlaceError(PnasError, ValueError):
    """A module cannot be a place where a net changes, or a candidate does not fit there."""
