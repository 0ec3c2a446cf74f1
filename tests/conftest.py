"""What all tests share."""

import os
import random
import sys
import zlib
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

TESTS = Path(__file__).resolve().parent
PROGRAMS = ("apps", "lab", "own")

# The first call of an operator can take seconds, so a deadline would only fail at random.
settings.register_profile("pnas", deadline=None)
# Other examples each time find more; the same ones tell whether a change is at fault.
settings.register_profile("pnas-repeated", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("pnas")

# Tensors are tiny here: a second thread only waits, and for seconds where the machine is busy.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"  # in the processes that tests start


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts tests of the programs last, since no lines are counted of what they are the first to import."""
    items.sort(key=lambda item: _folder(item) in PROGRAMS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Has no lines counted in tests of the programs, which takes minutes: packages are covered by their own tests."""
    tracer = sys.gettrace()
    counts = item.config.pluginmanager.hasplugin("_cov")
    if counts and (_folder(item) in PROGRAMS or item.get_closest_marker("uncounted") is not None):
        sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


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
