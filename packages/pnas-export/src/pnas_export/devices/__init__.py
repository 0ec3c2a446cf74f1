"""Runtimes, phones and commands as devices that measure blocks and nets.

May import all wings before it.
"""
