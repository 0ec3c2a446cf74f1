"""How near a dry run comes to the run: what each step was reckoned to take, and what it took.

    python tests/benchmarks/dry_run.py FOLDER -- demo
    python tests/benchmarks/dry_run.py FOLDER --cpu-seconds -- run --data-dir cifar --preset quick

Whatever stands after `--` is a command line of pnas-cifar10, which is run first dry and then in earnest, into a new
folder in FOLDER and with a cache of its own. With --cpu-seconds both take the processor's seconds for those of the
clock, those of processes that they have started too: for a machine that is busy with something else. OMP_NUM_THREADS
is to be 1 then.
"""

import argparse
import json
import os
import time
from pathlib import Path

from pnas_apps.run.reckoned import WITHIN, Reckoned


def main() -> None:
    """Prints a line a step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cpu-seconds", action="store_true")
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args()
    if asked.cpu_seconds:
        time.perf_counter = lambda: sum(os.times()[:4])

    from pnas_apps.cli import runs
    from pnas_cifar10.cli import main as program

    found: list[Reckoned] = []
    reckon = runs.dry_run

    def kept(*arguments: object, **options: object) -> Reckoned:
        found.append(reckon(*arguments, **options))  # type: ignore[arg-type]
        return found[-1]

    runs.dry_run = kept
    run_dir = asked.folder / "run"
    words = [*asked.command, "--run-dir", str(run_dir), "--cache-dir", str(asked.folder / "cache")]
    program([*words, "--dry-run"], standalone_mode=False)
    program(words, standalone_mode=False)
    took = json.loads((run_dir / "seconds.json").read_text())
    print(f"{'step':<10}{'reckoned s':>12}{'took s':>10}{'ratio':>8}")
    (reckoned,) = found
    for name, before_s in [*((step.name, step.seconds) for step in reckoned.steps), ("all", reckoned.seconds)]:
        after_s = sum(took.values()) if name == "all" else took.get(name, 0.0)
        if before_s:
            ratio = after_s / before_s
            far = "" if 1 / WITHIN <= ratio <= WITHIN else "  far off"
            print(f"{name:<10}{before_s:>12.0f}{after_s:>10.0f}{ratio:>8.2f}{far}")


if __name__ == "__main__":
    main()
