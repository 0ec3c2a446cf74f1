"""Files that are whole or not there, and plain data as JSON in them.

Whatever reads or writes the project's own formats begins here. Imports `data`.
"""
