"""What ProxylessNAS published, read and rebuilt: its configs, its checkpoints, the nets that it released.

Imports `data`, `files` and `modules`.
"""
