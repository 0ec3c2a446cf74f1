"""The PyTorch modules that the data describes: layers, trees, building them, counting what they hold and do.

`build` is the only place that knows both sides. Imports `data`.
"""
