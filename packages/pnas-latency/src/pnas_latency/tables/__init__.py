"""Measured latencies, and what they say about whole nets: measuring, calibrating, judging, other projects' files.

The `Device` Protocol says what measuring needs. Imports `metrics`.
"""
