"""Somebody's net becomes a space: where it may change, what may stand there, and how that learns to stand there.

Rules say the first two, recognizing layers by what they are and how they are joined. Imports `gates` and `searching`.
"""
