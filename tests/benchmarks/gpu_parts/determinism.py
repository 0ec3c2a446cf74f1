"""What it costs that a search repeats bit for bit, and whether it does."""

from collections.abc import Iterator
from functools import partial
from statistics import median

import torch

from benchmarks.gpu_parts.capturing import MODES, switch_of
from benchmarks.gpu_parts.contenders import SEARCH_STEPS, Race, Searching
from benchmarks.gpu_parts.repeating import Ended, compared, computing, prepare, small_search
from benchmarks.gpu_parts.setting import Line, Setting, guarded
from benchmarks.gpu_parts.stopwatch import seconds_of
from pnas_ops import cifar_mbconv_space, imagenet_mbconv_space

STEPS = 8


def run(setting: Setting) -> Iterator[Line]:
    """Two searches of one seed, deterministic and not; then how much longer each step takes."""
    prepare()
    for mode in MODES:
        for deterministic in (True, False):
            case = f"repeat {'deterministic' if deterministic else 'plain'} {mode}"
            if setting.wants(case):
                yield from guarded({"case": case}, partial(_repeated, setting, mode, deterministic))
    for name in ("cifar", "imagenet"):
        if setting.wants(f"cost {name}"):
            yield from guarded({"case": f"cost {name}"}, partial(_cost, setting, name))


def _repeated(setting: Setting, mode: str, deterministic: bool) -> Iterator[Line]:
    def searched() -> Ended:
        search, batches, paths = small_search(setting, "bfloat16", STEPS)
        with switch_of(mode)(search.network):
            while search.epochs_left:
                search.run_epoch(batches, batches)
        return Ended(state=search.state_dict(), paths=paths)

    with computing(setting.device, deterministic=deterministic):
        line = compared(searched(), searched())
    yield line | {"ok": line["same_bits"] if deterministic else line["same_paths"]}


def _cost(setting: Setting, name: str) -> Iterator[Line]:
    """In turns, so that both are of the same minute."""
    if setting.tiny:
        space, batch_size = cifar_mbconv_space(0.25, blocks_per_stage=1, resolution=8), 4
    else:
        space, batch_size = (cifar_mbconv_space() if name == "cifar" else imagenet_mbconv_space()), 128
    subject = Race(space, paths=1, batch_size=batch_size, autocast=torch.bfloat16, device=setting.device)
    for step_name in SEARCH_STEPS:
        step = partial(Searching(subject, step_name).step, 0)
        seconds: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(2 if setting.tiny else 4):
            for deterministic, found in seconds.items():
                with computing(setting.device, deterministic=deterministic):
                    found.append(seconds_of(setting, step, warm_up=2, steps=1 if setting.tiny else 3))
        yield {
            "step": step_name,
            "plain_ms": round(median(seconds[False]) * 1e3, 3),
            "deterministic_ms": round(median(seconds[True]) * 1e3, 3),
            "ratio": round(median(b / a for a, b in zip(seconds[False], seconds[True], strict=True)), 3),
        }
