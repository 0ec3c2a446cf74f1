"""The parts of `gpu.py`, one a module: `run` yields a line for each check and figure."""
