"""Searches that judge one net after another: `explore` goes the whole way.

Strategies and judges by their names, the study that any number of workers share, and what is shown in the end. Imports
everything before `cli`. Optuna is imported here alone, and late.
"""
