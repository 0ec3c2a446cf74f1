"""A search from beginning to end: epochs, checkpoints, resuming.

Imports `gates`, `searching` and `spaces`.
"""
