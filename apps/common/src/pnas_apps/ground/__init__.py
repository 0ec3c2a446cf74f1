"""What every program stands on: errors that a user can fix, processes, progress, randomness, signals, the
session.

A *session* is what a program works with while it runs: its terminal, its processes, its workers. *Processes* are those
that torchrun started, which work as one. Imports no other wing.
"""
