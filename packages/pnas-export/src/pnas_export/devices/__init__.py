"""Runtimes, phones and command lines as devices that measure blocks and nets.

May import all wings before it.
"""
