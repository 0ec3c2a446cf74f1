"""What a step asks of a GPU: kernels, launches, waits and memory."""

import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu_parts.setting import Line

LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cuLaunchKernelEx")
GRAPHS = ("cudaGraphLaunch", "cuGraphLaunch")
WAITS = ("cudaStreamSynchronize", "cudaEventSynchronize", "cudaMemcpy", "cuStreamSynchronize", "cuEventSynchronize")
"""Not cudaDeviceSynchronize, which the profiler calls."""


def counts(work: Callable[[], object], *, steps: int = 1) -> Line:
    """Kernels, launches, waits and a busy GPU's milliseconds, of each of the steps that `work` does; empty on a CPU."""
    if not torch.cuda.is_available():
        return {}
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        work()
        torch.cuda.synchronize()
    events = profiled.events() or []
    calls = Counter(event.name for event in events if event.device_type == DeviceType.CPU)
    kernels = [event for event in events if event.device_type == DeviceType.CUDA and not event.name.startswith("Mem")]
    copies = Counter(event.name.split(" (")[0] for event in events if event.name.startswith("Memcpy"))
    found: Line = {
        "kernels": len(kernels) / steps,
        "launches": sum(calls[name] for name in LAUNCHES) / steps,
        "graphs": sum(calls[name] for name in GRAPHS) / steps,
        "waits": sum(calls[name] for name in WAITS) / steps,
        "busy_ms": round(sum(event.time_range.elapsed_us() for event in kernels) / 1e3 / steps, 3),
    }
    return found | {name: count / steps for name, count in copies.items()}


def places_of_waits(work: Callable[[], object], *, steps: int = 1) -> Line:
    """Which lines of Python wait for the GPU how often in a step, by PyTorch's own account; empty on a CPU."""
    if not torch.cuda.is_available():
        return {}
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            work()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    places = Counter(
        f"{Path(warning.filename).name}:{warning.lineno}" for warning in caught if "synchroniz" in str(warning.message)
    )
    return {"wait_places": {place: count / steps for place, count in places.most_common(8)}}


def peak_mb(work: Callable[[], object]) -> float | None:
    """The most memory that is taken beside what was taken before; None on a CPU."""
    if not torch.cuda.is_available():
        return None
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    work()
    torch.cuda.synchronize()
    return round((torch.cuda.max_memory_allocated() - before) / 1e6, 1)


def reserved_mb() -> float:
    """What PyTorch holds of the GPU's memory, without what it only keeps for later; 0 on a CPU."""
    if not torch.cuda.is_available():
        return 0.0
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    return round(torch.cuda.memory_reserved() / 1e6, 1)
