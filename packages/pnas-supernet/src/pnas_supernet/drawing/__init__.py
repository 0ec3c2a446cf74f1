"""A search as a picture.

matplotlib is imported where a figure is drawn, and comes with the extra `plot`. Imports `searching` for its records.
"""
