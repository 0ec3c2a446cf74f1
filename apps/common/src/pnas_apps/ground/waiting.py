"""How the threads wait for one another on which PyTorch computes. Imports nothing heavy: it comes before PyTorch."""

import os

SHORT_WAITS = {"GOMP_SPINCOUNT": "10000"}
"""Looks at whether there is more to do, before a thread gives its core to others; 30 times as many by itself.

As fast on an idle machine, and faster beside other work: `tests/benchmarks/busy_machine.py`.
"""


def wait_shortly() -> None:
    """Sets `SHORT_WAITS` for the threads of this process and of those that it starts, unless the environment decides.

    To be called before PyTorch is imported.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        for name, value in SHORT_WAITS.items():
            os.environ.setdefault(name, value)
