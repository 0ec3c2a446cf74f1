"""What a device reports, and the way of timing that makes blocks predict nets.

`walk` is also run by itself, in processes that import nothing else of the project; so it imports nothing of ours. The
others import `data` and `modules`.
"""
