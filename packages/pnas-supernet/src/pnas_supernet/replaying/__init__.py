"""Candidates as recordings: launched by the GPU's own CUDA graphs instead of by Python, kernel by kernel.

Imports `gates` alone; a search may do without it.
"""
