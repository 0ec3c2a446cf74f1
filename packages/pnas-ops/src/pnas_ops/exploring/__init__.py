"""Searching by judging one net after another: what a strategy and a judge are, and strategies that need nothing else.

Imports `data`, `modules` and `nets`. A strategy speaks of choices of a space and of numbers alone.
"""
