"""Checkpoints that survive a kill at any moment and say so when they are damaged; they hold no code."""

import hashlib
import io
import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from pnas_ops import FilePath, PnasError, clear_leftovers, in_one_line, write_atomically

_MAGIC = b"PNAS checkpoint\n"
_PAYLOAD = len(_MAGIC) + hashlib.sha256().digest_size
_VERSION = 2


class CheckpointError(PnasError, ValueError):
    """A checkpoint that cannot be gone on from; the message names the file, the reason and the way out."""


def save_checkpoint(state: dict[str, Any], path: FilePath, *, kind: str) -> None:
    """Writes tensors and plain values with a checksum, and keeps what was in the file before beside it.

    The new file is complete and synced before it takes the name `path`; the file before it is then `previous(path)`.

    Args:
        state: nested dicts, lists and tuples of tensors, numbers, strings and None.
        path: the file.
        kind: what the state is of, such as "search".
    """
    path = Path(path)
    buffer = io.BytesIO()
    torch.save({"version": _VERSION, "kind": kind, "state": state}, buffer)
    payload = buffer.getvalue()
    following = path.with_suffix(f".next{path.suffix}")
    clear_leftovers(path.parent, following.name)
    write_atomically(following, _MAGIC + hashlib.sha256(payload).digest() + payload)
    if path.exists() and _damage(path.read_bytes()) is None:
        path.replace(previous(path))
    following.replace(path)


def load_checkpoint(path: FilePath, *, kind: str) -> dict[str, Any]:
    """What `save_checkpoint` wrote last, or, with a warning, what it wrote before where that file is damaged.

    Raises:
        FileNotFoundError: where there is neither file.
        CheckpointError: for a file of another kind or version, or with code in it, and where both are damaged.
    """
    path = Path(path)
    damages = []
    for candidate in (path, previous(path)):
        if not candidate.exists():
            continue
        raw = candidate.read_bytes()
        damage = _damage(raw)
        if damage is not None:
            damages.append(f"{candidate} {damage}")
            continue
        state = _state(raw[_PAYLOAD:], candidate, kind)
        if damages:
            warnings.warn(f"{damages[0]}: going on from the one before it, {candidate}", stacklevel=2)
        return state
    if damages:
        raise CheckpointError("; ".join(damages), "delete what is there to begin again")
    raise FileNotFoundError(f"there is no checkpoint {path}")


@contextmanager
def taking_state(path: FilePath, *, kind: str) -> Iterator[None]:
    """For the loading of a state that `load_checkpoint` gave: whatever it raises becomes one line.

    Raises:
        CheckpointError: naming the file, for a state of something else.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} is of another {kind} ({in_one_line(error)})",
            "give it what it was begun with, or delete it to begin again",
        ) from None


def has_checkpoint(path: FilePath) -> bool:
    """Whether there is anything for `load_checkpoint` to read."""
    return Path(path).exists() or previous(path).exists()


def delete_checkpoint(path: FilePath) -> None:
    """Removes both files."""
    Path(path).unlink(missing_ok=True)
    previous(path).unlink(missing_ok=True)


def previous(path: FilePath) -> Path:
    """Where the checkpoint before the last one is: `search.pt` gives `search.previous.pt`."""
    path = Path(path)
    return path.with_suffix(f".previous{path.suffix}")


def _damage(raw: bytes) -> str | None:
    if not raw.startswith(_MAGIC):
        return "is no checkpoint of PNAS, or its beginning is damaged"
    if hashlib.sha256(raw[_PAYLOAD:]).digest() != raw[len(_MAGIC) : _PAYLOAD]:
        return "is damaged (its checksum is wrong)"
    return None


def _state(payload: bytes, path: Path, kind: str) -> dict[str, Any]:
    foreign = CheckpointError(f"{path} holds no state of a {kind}", "name another file, or delete it to begin again")
    try:
        content = torch.load(io.BytesIO(payload), weights_only=True, map_location="cpu")
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path} holds more than tensors and plain values, which is not loaded, for it could run code",
            "take a checkpoint that this software wrote, or delete it to begin again",
        ) from None
    except Exception:  # PyTorch raises whatever a zip file, a pickle or a tensor's storage raises
        raise foreign from None
    if not isinstance(content, dict) or not content.keys() >= {"version", "kind", "state"}:
        raise foreign
    if content["version"] != _VERSION:
        raise CheckpointError(
            f"{path} has version {content['version']} of the checkpoints' format, this software {_VERSION}",
            "go on with the software that wrote it, or delete it to begin again",
        )
    if content["kind"] != kind:
        raise CheckpointError(f"{path} is a checkpoint of a {content['kind']}, not of a {kind}", "name another file")
    state = content["state"]
    if not isinstance(state, dict):
        raise foreign
    return state
