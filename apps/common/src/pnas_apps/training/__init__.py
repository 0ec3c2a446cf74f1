"""The training of one net, and judging it.

Imports `ground`.
"""
