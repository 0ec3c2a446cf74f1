"""Costs for searches that propose one net after another: limits for strategies, and a recurrent controller.

Imports `metrics`, `tables`, `objectives` and `choosing`; strategies are those of `pnas_ops.exploring`.
"""
