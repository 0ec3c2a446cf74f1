"""What converting and measuring stand on: silence, foreign programs, kept conversions, copies for inference.

Knows no runtime and no format. Imports no other wing.
"""
