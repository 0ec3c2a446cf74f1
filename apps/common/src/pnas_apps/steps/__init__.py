"""The five steps of a run, one a file: a function of the run and of what came before, which gives what it made.

Each also knows whether that is in the run's folder already. `pipeline` goes through them. Imports all wings before it.
"""
