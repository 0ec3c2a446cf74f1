"""Photographs that stay in their files: found, decoded, seen and batched by workers.

Imports `ground` and `images`.
"""
