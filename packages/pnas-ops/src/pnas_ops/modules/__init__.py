"""The PyTorch modules that the data describes: layers, trees, building them, counting what they hold and do.

Only `build`, `build_cells` and `build_space` know both sides. Imports `data`.
"""
