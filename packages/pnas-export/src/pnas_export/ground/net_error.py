"""The error for a net that cannot be exported as it is."""

from pnas_ops import PnasError


class NetError(PnasError, ValueError):
    """A net that no exporter can take as it is; its message is one line that says why, and the way out."""
