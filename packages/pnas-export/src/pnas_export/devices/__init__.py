"""Runtimes, phones and command lines as devices that measure blocks and nets.

Imports all wings before it.
"""
