"""The over-parameterized operation and its gradient: candidates, paths, estimators, the supernet of a space.

What one forward and one backward pass need, without optimizers and without epochs. Imports no other wing.
"""
