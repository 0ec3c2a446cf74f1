"""The way out where a GPU's memory does not suffice: into how many parts each batch must be cut."""

import gc
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch

from pnas_apps.ground.errors import UserError
from pnas_ops import counted

Result = TypeVar("Result")

_OUT_OF_MEMORY = ("CUDA error: out of memory", "STATUS_ALLOC_FAILED")
"""What CUDA itself, cuBLAS and cuDNN say where PyTorch's own allocator was not asked."""

_LEAST_IMAGES = 2
"""Of a part: BatchNorm has nothing to take its statistics of in less."""


def within_memory(
    work: Callable[[], Result], *, flag: str, parts: int, images: int, attempt: Callable[[int], object]
) -> Result:
    """Does the work, or finds out with how many micro-batches it would be possible, and says so.

    Args:
        work: steps that take whole batches, which leave a checkpoint every now and then.
        flag: of the command line, that sets the number of parts.
        parts: how many parts each batch is cut into now.
        images: in a batch.
        attempt: takes such steps with another number of parts; what they change is not needed any more.

    Raises:
        UserError: where the memory does not suffice, with the least power of 2 times `parts` that does, if any.
    """
    done = _tried(work)
    if done is not None:
        return done[0]
    told = f"batches of {images} images in {counted(parts, 'part')} do not fit the GPU's memory"
    more = 2 * parts
    while more <= images // _LEAST_IMAGES:
        if _tried(partial(attempt, more)) is not None:
            raise UserError(
                f"{told}, but in {more} they do: add {flag} {more} to the command that started the run, and it resumes "
                "from its last checkpoint"
            )
        more *= 2
    raise UserError(f"{told}, nor in more: start another run with a smaller --batch-size, --resolution or --width-mult")


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether it says that the memory of a GPU does not suffice."""
    return isinstance(error, torch.OutOfMemoryError) or any(said in str(error) for said in _OUT_OF_MEMORY)


def _tried(work: Callable[[], Result]) -> tuple[Result] | None:
    """The result of the work, in a tuple; None where memory did not suffice, all of which is free again."""
    try:
        return (work(),)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None
