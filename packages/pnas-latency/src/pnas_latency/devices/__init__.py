"""Devices that need nothing but PyTorch. (Those that run exported files are in `pnas_export`.)

Imports no other wing: a device is known by its methods.
"""
