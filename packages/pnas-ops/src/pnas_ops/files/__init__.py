"""Files that are either complete or absent, and plain data as JSON in them.

All that reads or writes the project's own formats starts here. Imports `data`.
"""
