"""What every part is given, and how it goes on where something fails."""

import gc
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import torch
from attrs import frozen

Line = dict[str, object]


@frozen(kw_only=True)
class Setting:
    """What every part is given.

    Attributes:
        device: a GPU, or the CPU where the program itself is tried.
        tiny: whether to take as little as shows that it works.
        cases: texts that the names of cases are to hold; all cases if there is none.
        until: when the part is to end, as `time.monotonic` has it.
    """

    device: torch.device
    tiny: bool
    cases: tuple[str, ...]
    until: float

    @property
    def left_s(self) -> float:
        """Seconds until the part is to end."""
        return self.until - time.monotonic()

    def wants(self, case: str, *, least_s: float = 0.0) -> bool:
        """Whether a case of this name is to be run, and there is the time that it takes at least."""
        return self.left_s > least_s and (not self.cases or any(text in case for text in self.cases))

    def finish(self) -> None:
        """Waits for the GPU."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def guarded(where: Mapping[str, object], lines: Callable[[], Iterable[Line]]) -> Iterator[Line]:
    """The lines, each with what says where they are from; a failure is the last of them."""
    try:
        for line in lines():
            yield {**where, **line}
    except ImportError as error:  # of an older version
        yield {**where, "skipped": in_one_line(error)}
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)[-3:]
        at = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
        yield {**where, "error": in_one_line(error), "at": at}
    if torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()


def in_one_line(error: Exception) -> str:
    """Its kind and what it says."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]
