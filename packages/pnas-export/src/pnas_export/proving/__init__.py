"""All that is measured of the files of one net, beside PyTorch and beside one another.

Imports `ground`, `runtimes`, `quantizing` and `timing`.
"""
