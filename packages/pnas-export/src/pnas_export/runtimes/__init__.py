"""The libraries that run exported files, and comparisons of files with their nets.

Imports `ground`.
"""
