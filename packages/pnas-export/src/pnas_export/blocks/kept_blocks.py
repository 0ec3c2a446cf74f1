"""A cache of blocks that were converted together, also used when only some of them are needed, as for a net.

They are identified by their definition, not by their graph from `torch.export`, which takes half as long as converting.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pnas_ops.modules
from pnas_export.blocks.subgraphs import select
from pnas_export.ground.conversion_cache import cached_conversion
from pnas_ops import AnyWorkload, OwnOperation, Workload, to_json, write_atomically

_LIBRARIES = ("torch", "torchvision", "litert-torch")


def kept_blocks(folder: Path, workloads: Sequence[AnyWorkload], names: Sequence[str]) -> bytes | None:
    """A model from `keep_blocks` that has all of these, reduced to them; None if there is none, or it is damaged.

    Args:
        folder: of the cache.
        workloads: each once.
        names: of the desired signatures.
    """
    if not workloads or not all(map(_is_kept, workloads)):
        return None
    try:
        (name,) = {_place(folder, one).read_text() for one in workloads}
        model = cached_conversion(folder, lambda: name, _missing)
        return select(model, names)
    except (ValueError, OSError):
        return None


def keep_blocks(folder: Path, workloads: Sequence[AnyWorkload], model: bytes) -> None:
    """Caches a model of blocks for later use of any of them; user-defined blocks are not cached."""
    name = f"blocks-{hashlib.sha256(model).hexdigest()}"
    cached_conversion(folder, lambda: name, lambda: model)
    for one in filter(_is_kept, workloads):
        write_atomically(_place(folder, one), name)


def _missing() -> bytes:
    raise FileNotFoundError


def _is_kept(workload: AnyWorkload) -> bool:
    """Whether a block is computed only by our own code."""
    return isinstance(workload, Workload) and not isinstance(workload.block.op, OwnOperation)


def _place(folder: Path, workload: AnyWorkload) -> Path:
    digest = hashlib.sha256(f"{_code()} {to_json(workload)}".encode()).hexdigest()
    return folder / "blocks" / digest


@cache
def _code() -> str:
    """A hash of all code that makes blocks from workloads, and files from blocks."""
    found = hashlib.sha256(repr([version(name) for name in _LIBRARIES]).encode())
    folders = (Path(pnas_ops.modules.__path__[0]), Path(__file__).parent, Path(__file__).parents[1] / "converting")
    for path in sorted(path for folder in folders for path in folder.glob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()
