"""Nets as pictures and as short texts, for people at a prompt, in a notebook or in a report.

matplotlib is imported where a figure is drawn, and comes with the extra `plot`. Imports `data`.
"""
