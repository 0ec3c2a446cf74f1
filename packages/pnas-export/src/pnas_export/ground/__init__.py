"""Foundations of converting and measuring: silenced output, child processes, cached conversions, scratch folders,
copies for inference.

Knows no runtime and no format. Imports no other wing. (The wing `converting` converts files; here are only the means to
silence a converter, and the errors that are raised if it fails.)
"""
