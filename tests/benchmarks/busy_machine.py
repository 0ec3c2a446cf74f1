"""Training steps on all cores of a machine, idle and beside other work: how long its threads wait for one another.

    uv run python tests/benchmarks/busy_machine.py

A thread of OpenMP that has nothing to do looks for more again and again, and holds its core meanwhile. Where others
want that core, the thread that it waits for is one of them. `pnas_apps.ground.waiting` has it look less often. Each
round trains a net of the digits' space in processes of their own: as PyTorch does by itself, with short waits, and on
one thread. A line of JSON for either load tells the median milliseconds of a step, and how many times faster short
waits are than long ones: the median of the quotients round by round, and their quartiles.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median, quantiles

import click
import torch
from torch.nn.functional import cross_entropy

from pnas_apps.ground.waiting import SHORT_WAITS
from pnas_ops import build_network, digits_mbconv_space

BATCH = 64
WAYS = {"as_it_is": {}, "short_waits": SHORT_WAITS, "one_thread": {"OMP_NUM_THREADS": "1"}}
BUSY = "while True: pass"


def step_ms(seconds: float) -> float:
    """Mean milliseconds of a training step in this process."""
    space, generator = digits_mbconv_space(), torch.Generator().manual_seed(0)
    net = build_network(space.sample(generator), generator=generator).to(memory_format=torch.channels_last)
    images = torch.randn(BATCH, space.in_channels, space.resolution, space.resolution, generator=generator)
    labels = torch.randint(space.classes, (BATCH,), generator=generator)
    optimizer, count, began = torch.optim.SGD(net.parameters(), lr=0.01), -5, 0.0
    while count < 1 or time.perf_counter() < began + seconds:
        if count == 0:
            began = time.perf_counter()
        optimizer.zero_grad()
        cross_entropy(net(images), labels).backward()
        optimizer.step()
        count += 1
    return 1000 * (time.perf_counter() - began) / count


@contextmanager
def beside(busy: int) -> Iterator[None]:
    """So many processes that want a core each."""
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(busy)]
    try:
        yield
    finally:
        for one in others:
            one.kill()
            one.wait()


@click.command()
@click.option("--rounds", default=6, show_default=True)
@click.option("--seconds", default=3.0, show_default=True, help="Of each way in a round.")
@click.option("--busy", default=os.cpu_count() or 1, show_default="one a core", help="Processes that want a core.")
@click.option("--step", "is_worker", is_flag=True, hidden=True)
def main(rounds: int, seconds: float, busy: int, is_worker: bool) -> None:
    """Measures, and prints a line for either load."""
    if is_worker:
        print(step_ms(seconds))
        return
    worker = [sys.executable, __file__, "--step", "--seconds", str(seconds)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    for count in (0, busy):
        found: dict[str, list[float]] = {way: [] for way in WAYS}
        with beside(count):
            for _ in range(rounds):
                for way, variables in WAYS.items():
                    told = subprocess.run(worker, env=kept | variables, check=True, capture_output=True, text=True)
                    found[way].append(float(told.stdout))
        quotients = [one / other for one, other in zip(found["as_it_is"], found["short_waits"], strict=True)]
        low, middle, high = quantiles(quotients, n=4)
        line: dict[str, object] = {"busy": count, "cores": os.cpu_count()}
        line |= {f"{way}_ms": round(median(values), 1) for way, values in found.items()}
        print(
            json.dumps(line | {"times_faster": round(middle, 2), "quartiles": [round(low, 2), round(high, 2)]}),
            flush=True,
        )


if __name__ == "__main__":
    main()
