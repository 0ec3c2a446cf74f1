"""From probabilities and limits to a net: the exact choice, a budget, landing on it by measuring.

Imports `metrics` and `tables`.
"""
