"""How long something takes, the GPU's work included."""

import time
from collections.abc import Callable

from benchmarks.gpu_parts.setting import Setting


def seconds_of(setting: Setting, work: Callable[[], object], *, warm_up: int, steps: int) -> float:
    """Of one of `steps` calls, one after the other, after `warm_up` that do not count."""
    for _ in range(warm_up):
        work()
    setting.finish()
    begun = time.perf_counter()
    for _ in range(steps):
        work()
    setting.finish()
    return (time.perf_counter() - begun) / steps
