"""What a device reports, and a way of timing by which blocks predict nets.

`walk` also runs alone, in processes that import nothing else of the project, so it imports nothing of ours. The others
import `data` and `modules`.
"""
