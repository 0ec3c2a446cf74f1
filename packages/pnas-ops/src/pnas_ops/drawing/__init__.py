"""Nets as pictures, for people in a notebook or in a report.

matplotlib is imported where a figure is drawn, and comes with the extra `plot`. Imports `data` and `files`.
"""
