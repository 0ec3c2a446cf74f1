"""Which part of a batch is whose, where several processes work on the same batches."""

from pnas_apps.ground.errors import UserError


def check_shared(batch_size: int, world_size: int) -> None:
    """Refuses batches of which `world_size` processes cannot have equal parts, or only of one image each.

    A single image has no statistics for BatchNorm.

    Raises:
        UserError: naming the batch sizes beside it that can be shared.
    """
    least = 2 * world_size
    if world_size > 1 and (batch_size % world_size or batch_size < least):
        below = batch_size // world_size * world_size
        sizes = sorted({max(least, below), max(least, below + world_size)})
        ways = " or ".join(f"--batch-size {size}" for size in sizes)
        raise UserError(
            f"{world_size} processes cannot share a batch of {batch_size} images in equal parts of at least 2: give "
            f"{ways}"
        )


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
