"""Judging nets by the weights of their supernet, and supernets as strategies that give the nets they hold for good.

Imports `running` and all before it, and the Protocols of `pnas_ops.exploring`.
"""
