"""Latency and memory of files, in processes of their own.

`walk_session` and `memory_probe` are programs that are run by their paths and import nothing of the project. Imports
`runtimes`.
"""
