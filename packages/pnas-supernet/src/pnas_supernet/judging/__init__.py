"""Judging nets by the weights of their supernet, and supernets as strategies that propose their best nets.

Imports `running` and all before it, and the Protocols of `pnas_ops.exploring`.
"""
