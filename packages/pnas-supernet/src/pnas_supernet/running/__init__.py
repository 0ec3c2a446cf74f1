"""A search from beginning to end: epochs, checkpoints, going on where it was left.

Imports `gates`, `searching` and `spaces`.
"""
