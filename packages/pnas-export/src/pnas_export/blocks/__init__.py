"""Many blocks converted at once, cut apart, and chained into files of whole nets.

Imports `ground`, `runtimes` and `converting`.
"""
