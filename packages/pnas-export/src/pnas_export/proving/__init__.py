"""Everything that is measured about the files of a net, compared with PyTorch and with one another.

Imports `ground`, `runtimes`, `quantizing` and `timing`.
"""
