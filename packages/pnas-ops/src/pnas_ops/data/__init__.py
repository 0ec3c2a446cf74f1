"""Nets as plain data: operations, blocks, search spaces, architectures, workloads, preprocessing, and their texts.

Frozen attrs classes and functions over them. No module is built here and no file is read; only PyTorch's tensors are
used. Imports no other wing.
"""
