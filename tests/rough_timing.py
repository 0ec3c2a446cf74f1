"""Timing as seldom as can be, for tests that are not about how well."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from pnas_export.timing.sessions import Plan, measure_in_sessions
from pnas_ops import Measurement


@contextmanager
def timed_once() -> Iterator[None]:
    """Everything is timed in one process instead of several, and files a few times; noise asks for no more of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pnas_export.proving.prove._TIMED_SESSIONS", 1)
        patch.setattr("pnas_export.proving.prove._TIMED_SAMPLES", 2)
        patch.setattr("pnas_ops.timing.measurement.MAX_DRIFT", math.inf)
        patch.setattr("pnas_export.devices.runtime_device.measure_in_sessions", _in_one_session)
        yield


def _in_one_session(plan: Plan, folder: Path, **options: Any) -> dict[str, Measurement]:
    return measure_in_sessions(evolve(plan, sessions=1, samples=40, whole_samples=20, least_s=0.0), folder, **options)
