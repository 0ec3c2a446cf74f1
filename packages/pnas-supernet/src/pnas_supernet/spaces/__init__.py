"""Turning a user's net into a space: the places that may change, their candidates, and how these learn to fit in.

Rules give the first two; they recognize layers by type and connections. Imports `gates` and `searching`.
"""
