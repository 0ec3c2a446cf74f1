"""A net and everything needed to use it in one folder: files, weights, metadata, proof, hashes.

May import all wings before it.
"""
