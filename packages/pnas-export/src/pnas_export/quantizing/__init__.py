"""A float file to a smaller or faster one, a net to a file of any format, and where a quantized file goes wrong.

Imports `ground`, `runtimes` and `converting`.
"""
