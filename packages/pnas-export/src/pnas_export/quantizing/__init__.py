"""Quantizing float files, exporting nets to any format, and finding where a quantized file goes wrong.

Imports `ground`, `runtimes` and `converting`.
"""
