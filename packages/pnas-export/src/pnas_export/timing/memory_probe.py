"""A separate program for `pnas_export.timing.memory`: prints the bytes that a runtime needs to load and run a file.

It is run by its path and imports only the runtime, since PyTorch alone would take more than most nets.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def peak_bytes() -> int:
    """The most memory that this process has had so far."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    # Not on Linux, where it would count the memory that the parent had before it started this program.
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def load(module: Any, path: str, threads: int) -> Callable[[], object]:
    """A function that runs the file once, on zeros."""
    import numpy as np

    if path.endswith(".onnx"):
        options = module.SessionOptions()
        options.intra_op_num_threads = threads
        session = module.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        (source,) = session.get_inputs()
        kind = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}[source.type]
        shape = [size if isinstance(size, int) else 1 for size in source.shape]
        images = np.zeros(shape, dtype=kind)
        return lambda: session.run(None, {source.name: images})
    interpreter = module.Interpreter(model_path=path, num_threads=threads)
    interpreter.allocate_tensors()
    (details,) = interpreter.get_input_details()
    interpreter.set_tensor(details["index"], np.zeros(details["shape"], dtype=details["dtype"]))
    return lambda: interpreter.invoke()


def main() -> None:
    """Arguments: the module of the runtime, the file, the number of threads."""
    name, path, threads = sys.argv[1:]
    module = import_module(name)
    import_module("numpy")
    before = peak_bytes()
    run = load(module, path, int(threads))
    for _ in range(3):
        run()
    print(f"peak_bytes={peak_bytes() - before}")


if __name__ == "__main__":
    main()
