"""Which part of a batch is whose, where several processes work on the same batches."""

from pnas_apps.ground.errors import UserError


def check_shared(batch_size: int, world_size: int) -> None:
    """Refuses batches of which `world_size` processes cannot have equal parts.

    Raises:
        UserError: for a batch size that is not a multiple of the number of processes, naming those beside it.
    """
    if batch_size % world_size:
        below = batch_size // world_size * world_size
        sizes = [below] if below else []
        ways = " or ".join(f"--batch-size {size}" for size in [*sizes, below + world_size])
        raise UserError(f"{world_size} processes cannot share a batch of {batch_size} images equally: give {ways}")


def whole_batch_size(batch_size: int, images: int, world_size: int) -> int:
    """The size of a batch of `images`, which all of `world_size` processes have an equal part of: smaller where there
    are fewer images.

    Raises:
        UserError: as `check_shared`.
    """
    check_shared(batch_size, world_size)
    return min(batch_size, max(1, images // world_size) * world_size)


def part_of(size: int, rank: int, world_size: int) -> slice:
    """The positions in a batch, which may be a short one, that are those of process `rank`."""
    return slice(size * rank // world_size, size * (rank + 1) // world_size)
