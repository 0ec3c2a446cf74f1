"""Results as tables for the terminal and as a report.

Imports `run` and `devices`.
"""
