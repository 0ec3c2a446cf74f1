"""The rank correlation of pnas_ops, which has always been public here too."""

from pnas_ops import rank_correlation

__all__ = ["rank_correlation"]
