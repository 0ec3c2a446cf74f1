"""Photographs that stay in their files: found, checked, seen and batched by workers.

Imports `ground` and `images`.
"""
