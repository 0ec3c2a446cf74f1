"""Whether a search that was killed and taken up ends as one that was not."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.gpu_parts.capturing import MODES, switch_of
from benchmarks.gpu_parts.repeating import Ended, compared, computing, prepare, small_search
from benchmarks.gpu_parts.setting import Line, Setting, guarded
from pnas_supernet import Precision

PRECISIONS: tuple[Precision, ...] = ("bfloat16", "float32")
STEPS = 8
KILLED_AFTER = 2 * STEPS + 5
"""In the middle of the last epoch."""


def run(setting: Setting) -> Iterator[Line]:
    """A line for each number format and mode: bit for bit where that is asked for, and the same paths where not."""
    prepare()
    for deterministic in (True, False):
        for mode in MODES:
            for precision in PRECISIONS:
                case = f"{'deterministic' if deterministic else 'plain'} {mode} {precision}"
                if setting.wants(case):
                    yield from guarded({"case": case}, partial(_case, setting, mode, precision, deterministic))


def _case(setting: Setting, mode: str, precision: Precision, deterministic: bool) -> Iterator[Line]:
    with computing(setting.device, deterministic=deterministic), TemporaryDirectory() as folder:
        whole = _searched(setting, mode, precision, None)
        killed = _searched(setting, mode, precision, Path(folder) / "search.pt", kill=True)
        resumed = _searched(setting, mode, precision, Path(folder) / "search.pt")
    resumed.paths[:0] = killed.paths
    line = compared(whole, resumed)
    yield line | {"ok": line["same_bits"] if deterministic else line["same_paths"]}


def _searched(
    setting: Setting, mode: str, precision: Precision, checkpoint: Path | None, *, kill: bool = False
) -> Ended:
    """A search to its end, from the checkpoint if there is one, or to the step after which it is killed."""
    search, batches, paths = small_search(setting, precision, STEPS)
    if checkpoint is not None:
        search.resume(checkpoint)

    def after_step() -> None:
        if kill and len(search.history) * STEPS + search.step == KILLED_AFTER:
            assert checkpoint is not None
            search.save(checkpoint)
            raise KeyboardInterrupt

    with switch_of(mode)(search.network):
        try:
            while search.epochs_left:
                search.run_epoch(batches, batches, on_step=after_step)
        except KeyboardInterrupt:
            pass
    return Ended(state=search.state_dict(), paths=paths)
