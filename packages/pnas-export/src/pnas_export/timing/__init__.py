"""Latency and memory of files, measured in separate processes.

`walk_session` and `memory_probe` are programs that are run by their paths and import nothing of the project. Imports
`runtimes`.
"""
