"""A PyTorch module to an ONNX or a TFLite file.

Imports `ground`.
"""
