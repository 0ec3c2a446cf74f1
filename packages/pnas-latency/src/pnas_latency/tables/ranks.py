"""Whether two numbers put things in the same order: of pnas_ops, and public here as it has always been."""

from pnas_ops import rank_correlation

__all__ = ["rank_correlation"]
