"""Devices by the names that they have on a command line.

Imports `ground` and `run`.
"""
