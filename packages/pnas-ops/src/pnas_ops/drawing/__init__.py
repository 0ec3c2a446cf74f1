"""Nets as pictures, for notebooks and reports.

matplotlib is imported where a figure is drawn, and comes with the extra `plot`. Imports `data` and `files`.
"""
