"""Candidates as recordings: launched as CUDA graphs instead of kernel by kernel from Python.

Imports only `gates`; a search works without it.
"""
