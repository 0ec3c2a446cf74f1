"""Tables as pictures.

matplotlib is imported where a figure is drawn, and comes with the extra `plot`. Imports `tables`.
"""
