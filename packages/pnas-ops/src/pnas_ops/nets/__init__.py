"""Nets that others published, as architectures by name, and larger and smaller nets made of any architecture.

Imports `data`, `files` and `modules`; torchvision only where its weights are read.
"""
