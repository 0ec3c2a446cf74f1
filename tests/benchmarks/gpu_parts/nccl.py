"""Whether a process that searches in a group, by NCCL on a GPU, searches as one that is alone."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.distributed as dist

from benchmarks.gpu_parts.repeating import Ended, compared, computing, prepare, small_search
from benchmarks.gpu_parts.setting import Line, Setting

STEPS = 8


def run(setting: Setting) -> Iterator[Line]:
    """One line: both must end with the same bits."""
    prepare()
    backend = "cpu:gloo,cuda:nccl" if setting.device.type == "cuda" else "gloo"  # as the programs have it
    if setting.device.type == "cuda":
        torch.cuda.set_device(setting.device.index or 0)  # it takes no "cuda" without a number
    with TemporaryDirectory() as folder, computing(setting.device, deterministic=True):
        alone = _searched(setting, None)
        store = f"file://{Path(folder) / 'store'}"
        dist.init_process_group(backend, init_method=store, rank=0, world_size=1, timeout=timedelta(seconds=30))
        try:
            line = compared(alone, _searched(setting, dist.group.WORLD))
        finally:
            dist.destroy_process_group()
    yield {"backend": backend, **line, "ok": line["same_bits"]}


def _searched(setting: Setting, group: dist.ProcessGroup | None) -> Ended:
    search, batches, paths = small_search(setting, "float32", STEPS, group=group)
    while search.epochs_left:
        search.run_epoch(batches, batches)
    return Ended(state=search.state_dict(), paths=paths)
