"""Command lines: options, presets, verbs, and what they start.

An `App` is what one program knows; a `Program` the click group that runs it; `runs` begins, opens and continues runs.
What `--help` needs imports nothing heavy; all else is imported by the commands. May import all wings before it.
"""
