"""Processes that start in a moment: forked from a server that has imported what takes seconds."""

import multiprocessing
from multiprocessing.context import ForkServerContext


def forking() -> ForkServerContext:
    """The context of such processes.

    (The server can import only what is installed: its `sys.path` lacks what pytest has added. Optimizers import
    `torch._dynamo` at their first step, and candidates torchvision where they are built.)
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "pnas_supernet", "torch._dynamo", "torchvision"])
    return context
