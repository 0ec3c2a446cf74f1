"""Checkpoints that survive a kill at any time and detect damage; they hold no code."""

import hashlib
import io
import os
import pickle
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from pnas_ops import FilePath, PnasError, clear_leftovers, in_one_line, staged_file, write_atomically

_MAGIC = b"PNAS checkpoint\n"
_PAYLOAD = len(_MAGIC) + hashlib.sha256().digest_size
_VERSION = 2
_VERSION_WITH_COMMON = 3
"""The version of a file with a part of a state, and the hash of the common part in another file beside it."""


class CheckpointError(PnasError, ValueError):
    """A checkpoint that cannot be resumed from; the message names the file, the reason and the way out."""


def save_checkpoint(state: dict[str, Any], path: FilePath, *, kind: str) -> None:
    """Writes tensors and plain values with a checksum, and keeps the previous file beside the new one.

    The new file is complete and synced before it takes the name `path`; the previous one is then `previous(path)`.

    Args:
        state: nested dicts, lists and tuples of tensors, numbers, strings and None.
        path: the file.
        kind: the kind of state, such as "search".
    """
    _save({"version": _VERSION, "kind": kind, "state": state}, Path(path))


def save_checkpoints(
    states: Sequence[dict[str, Any]], paths: Sequence[FilePath], *, common: dict[str, Any], kind: str
) -> None:
    """`save_checkpoint` for several states that store their common part on the disk only once.

    The common part is one file with a hard link in the folder of each state: copying, moving or deleting one folder
    leaves the others complete. On file systems without hard links, it is copied.

    Args:
        states: each state's own part.
        paths: their files, each in a folder of its own.
        common: the common part, in nested dicts like theirs.
        kind: the kind of state.
    """
    files = [*map(Path, paths)]
    if not files:
        return
    first = common_part(files[0])
    delete_checkpoint(first)
    digest = _save({"version": _VERSION, "kind": f"{kind}, in part", "state": common}, first)
    for state, file in zip(states, files, strict=True):
        if file != files[0]:
            with staged_file(common_part(file)) as staged:
                _name_or_copy(first, staged)
        _save({"version": _VERSION_WITH_COMMON, "kind": kind, "state": state, "common": digest}, file)


def load_checkpoint(path: FilePath, *, kind: str) -> dict[str, Any]:
    """The last state that `save_checkpoint` wrote or, with a warning, the one before if that file is damaged.

    Raises:
        FileNotFoundError: if neither file exists.
        CheckpointError: for a file of another kind or version, or with code in it, and if both are damaged.
    """
    path = Path(path)
    damages, files, shared = [], [], ""
    for candidate in (path, previous(path)):
        if not candidate.exists():
            continue
        try:
            state = _load(candidate, kind, common_part(path))
        except _DamagedError as error:
            damages.append(str(error))
            files.append(str(candidate))
            if isinstance(error, _LackingError):
                shared = f", and the {path.name} of all other nets of its sweep, which share that file"
            continue
        if damages:
            warnings.warn(f"{damages[0]}: going on from the one before it, {candidate}", stacklevel=2)
        return state
    if damages:
        raise CheckpointError(
            "; ".join(damages), f"delete {' and '.join(files)}{shared}, then give the command that began it"
        )
    raise FileNotFoundError(f"there is no checkpoint {path}")


@contextmanager
def taking_state(path: FilePath, *, kind: str) -> Iterator[None]:
    """Wraps the loading of a state that `load_checkpoint` returned: any error becomes one line.

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
    """Removes a checkpoint's files."""
    for file in (Path(path), previous(path), common_part(path)):
        file.unlink(missing_ok=True)


def previous(path: FilePath) -> Path:
    """The path of the previous checkpoint: `search.pt` gives `search.previous.pt`."""
    path = Path(path)
    return path.with_suffix(f".previous{path.suffix}")


def common_part(path: FilePath) -> Path:
    """The path of the common part of checkpoints: `search.pt` gives `search.common.pt`."""
    path = Path(path)
    return path.with_suffix(f".common{path.suffix}")


class _DamagedError(Exception):
    """Names a damaged file, and the damage."""


class _LackingError(_DamagedError):
    """Names an intact file, and the common part beside it that is not, which other nets share."""


def _save(content: dict[str, Any], path: Path) -> bytes:
    """Writes a file and keeps the previous one; returns its checksum."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    payload = buffer.getvalue()
    digest = hashlib.sha256(payload).digest()
    following = path.with_suffix(f".next{path.suffix}")
    clear_leftovers(path.parent, following.name)
    write_atomically(following, _MAGIC + digest + payload)
    if path.exists() and _damage(path.read_bytes()) is None:
        path.replace(previous(path))
    following.replace(path)
    return digest


def _name_or_copy(file: Path, other: Path) -> None:
    try:
        os.link(file, other)
    except OSError:  # a file system without hard links
        shutil.copyfile(file, other)


def _load(path: Path, kind: str, common: Path) -> dict[str, Any]:
    """The state in a file, joined with its common part if it has one."""
    raw = path.read_bytes()
    if (damage := _damage(raw)) is not None:
        raise _DamagedError(f"{path} {damage}")
    content = _content(raw, path, kind)
    state: dict[str, Any] = content["state"]
    if content["version"] == _VERSION:
        return state
    raw = common.read_bytes() if common.exists() else b""
    if _damage(raw) is not None or _digest(raw) != content.get("common"):
        raise _LackingError(f"{path} lacks {common}, which is gone or damaged")
    return _joined(_content(raw, common, f"{kind}, in part")["state"], state)


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Both dicts merged, recursively where they have the same key."""
    both = {name: _joined(one[name], other[name]) for name in one.keys() & other.keys()}
    return {**one, **other, **both}


def _digest(raw: bytes) -> bytes:
    return raw[len(_MAGIC) : _PAYLOAD]


def _damage(raw: bytes) -> str | None:
    if not raw.startswith(_MAGIC):
        return "is no checkpoint of PNAS, or its beginning is damaged"
    if hashlib.sha256(raw[_PAYLOAD:]).digest() != _digest(raw):
        return "is damaged (its checksum is wrong)"
    return None


def _content(raw: bytes, path: Path, kind: str) -> dict[str, Any]:
    """The content of an undamaged file: version, kind, state, and what else its version has."""
    foreign = CheckpointError(f"{path} holds no state of a {kind}", "name another file, or delete it to begin again")
    try:
        content = torch.load(io.BytesIO(raw[_PAYLOAD:]), weights_only=True, map_location="cpu")
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path} holds more than tensors and plain values, which is not loaded, for it could run code",
            "take a checkpoint that this software wrote, or delete it to begin again",
        ) from None
    except Exception:  # PyTorch raises whatever a zip file, a pickle or a tensor's storage raises
        raise foreign from None
    if not isinstance(content, dict) or not content.keys() >= {"version", "kind", "state"}:
        raise foreign
    if content["version"] not in (_VERSION, _VERSION_WITH_COMMON):
        raise CheckpointError(
            f"{path} has version {content['version']} of the checkpoints' format, this software {_VERSION_WITH_COMMON}",
            "go on with the software that wrote it, or delete it to begin again",
        )
    if content["kind"] != kind:
        raise CheckpointError(f"{path} is a checkpoint of a {content['kind']}, not of a {kind}", "name another file")
    if not isinstance(content["state"], dict):
        raise foreign
    return content
