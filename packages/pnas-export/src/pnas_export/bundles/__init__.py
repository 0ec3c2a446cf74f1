"""A net and all that is needed to use it in one folder: files, weights, metadata, proof, hashes.

Imports all wings before it.
"""
