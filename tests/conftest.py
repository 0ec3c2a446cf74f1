"""What all tests share."""

import os
import random
import signal
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

TESTS = Path(__file__).resolve().parent

# The first call of an operator can take seconds, so a deadline would only fail at random.
settings.register_profile("pnas", deadline=None)
# Other examples each time find more; the same ones tell whether a change is at fault.
settings.register_profile("pnas-repeated", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("pnas")

# Tensors are tiny here: a second thread only waits, and for seconds where the machine is busy.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"  # in the processes that tests start

# A script that runs the tests in its background has all of them ignore these, and some are about Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Seeds each test by its name, and skips what has the marker `gpu` where there is none."""
    seed = zlib.crc32(item.nodeid.encode())
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    if item.get_closest_marker("gpu") is not None and not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")


@pytest.fixture(scope="session")
def conversions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What any test has converted, for the processes of all of them: files are written atomically."""
    folder: Path = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    return folder / "conversions"
