"""Converts PyTorch modules to ONNX and TFLite files.

A file is written only if the installed runtimes compute the same as the module.

Imports `ground` and `runtimes`.
"""
