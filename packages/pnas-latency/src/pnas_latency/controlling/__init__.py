"""Searches that ask for one net after another, and costs: limits for strategies, and a recurrent controller.

Imports `metrics`, `tables`, `objectives` and `choosing`; strategies are those of `pnas_ops.exploring`.
"""
