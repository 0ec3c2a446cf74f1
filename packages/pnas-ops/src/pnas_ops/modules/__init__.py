"""The PyTorch modules that the data describes: layers, trees, building them, counting their parameters and MACs.

Only `build`, `build_cells` and `build_space` know both sides. Imports `data`.
"""
