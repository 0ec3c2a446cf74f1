"""A float file to a smaller or faster one, the formats that there are, and where a quantized file goes wrong.

Imports `ground` and `runtimes`.
"""
