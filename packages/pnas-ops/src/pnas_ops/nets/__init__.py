"""Published nets as architectures by name, and larger and smaller versions of any architecture.

Imports `data`, `files` and `modules`; torchvision only where its weights are read.
"""
