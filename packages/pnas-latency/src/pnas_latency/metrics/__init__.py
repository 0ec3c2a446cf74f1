"""Anything that a net may cost, and its differentiable expectation (ProxylessNAS, equations 5 and 6).

Costs that need no device are counted here. Imports no other wing.
"""
