"""Command lines: options, presets, verbs, and what they set going.

What `--help` needs imports nothing heavy; all else is imported by the commands. Imports all wings before it.
"""
