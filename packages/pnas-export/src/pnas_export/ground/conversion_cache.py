"""A cache of converted models, keyed by what they were converted from."""

import hashlib
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor, nn

from pnas_ops import FilePath, write_atomically

_DIGEST_BYTES = hashlib.sha256().digest_size


def cached_conversion(folder: FilePath | None, key: Callable[[], str], convert: Callable[[], bytes]) -> bytes:
    """The result of `convert`, from the folder if it is cached there; without a folder it is always converted.

    A damaged file in the folder is made anew. The folder may be deleted at any time.
    """
    if folder is None:
        return convert()
    path = Path(folder, key())
    if path.exists():
        digest, content = path.read_bytes()[:_DIGEST_BYTES], path.read_bytes()[_DIGEST_BYTES:]
        if hashlib.sha256(content).digest() == digest:
            return content
    content = convert()
    write_atomically(path, hashlib.sha256(content).digest() + content)
    return content


def fingerprint(module: nn.Module, examples: Sequence[Tensor], *options: str, libraries: Sequence[str]) -> str:
    """A hash of everything that affects the conversion for such inputs: graph, weights, options, converter.

    Args:
        module: in evaluation mode, on the CPU.
        examples: one for each input; their values do not matter.
        options: of the conversion.
        libraries: the converting libraries, by their names on PyPI; their versions count.
    """
    program = torch.export.export(module, tuple(examples), strict=False)
    digest = hashlib.sha256()
    libraries = [f"{name} {version(name)}" for name in ("torch", *libraries)]
    # The graph does not contain the names of its outputs.
    for text in (*options, *libraries, str(program.graph), str(program.call_spec.out_spec)):
        digest.update(text.encode() + b"\0")
    constants = {name: value for name, value in program.constants.items() if isinstance(value, Tensor)}
    for name, tensor in sorted((program.state_dict | constants).items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode() + b"\0")
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    for example in examples:
        digest.update(f"{example.dtype} {tuple(example.shape)}".encode() + b"\0")
    return digest.hexdigest()
