"""A PyTorch module to an ONNX or a TFLite file.

A file is written only if the runtimes that are installed compute from it what the module does.

Imports `ground` and `runtimes`.
"""
