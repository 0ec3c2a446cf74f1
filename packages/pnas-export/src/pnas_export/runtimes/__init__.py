"""The libraries that run exported files, and the comparison of a file with its module.

Imports `ground`.
"""
