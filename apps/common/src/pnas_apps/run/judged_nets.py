"""What a run's nets got by the weights of its supernet, kept in its folder so that none is judged twice."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import torch
from attrs import frozen
from torch import nn

from pnas_apps.run.checked_lines import as_lines, read_lines
from pnas_apps.run.folder import KeptRun
from pnas_ops import Choices


@frozen(kw_only=True)
class JudgedNet:
    """A net that was judged.

    Attributes:
        choices: of the net.
        value: what it got.
        weights: digest of the supernet, see `weights_digest`.
    """

    choices: tuple[int, ...]
    value: float
    weights: str


def weights_digest(supernet: nn.Module) -> str:
    """A SHA-256 of all that a supernet holds: what its nets get is of these weights alone."""
    digest = sha256()
    for name, tensor in supernet.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} ".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def read_judged(folder: KeptRun[Any], weights: str, tell: Callable[[str], None]) -> dict[Choices, float]:
    """The values in a run's folder that are of these weights; a line is told for each that is damaged."""
    if not folder.judged.exists():
        return {}
    found, damaged = read_lines(folder.judged, JudgedNet)
    for number in damaged:
        tell(f"  {folder.judged}, line {number} is damaged: its net is judged again")
    return {one.choices: one.value for one in found if one.weights == weights}


def left_to_judge(folder: KeptRun[Any], count: int) -> int:
    """How many of so many nets are yet to be judged by the weights of a search that is over."""
    if not folder.judged.exists():
        return count
    found, _ = read_lines(folder.judged, JudgedNet)
    return max(0, count - len(found))


def keep_judged(folder: KeptRun[Any], weights: str, values: Mapping[Choices, float]) -> None:
    """The inverse of `read_judged`."""
    nets = (JudgedNet(choices=choices, value=value, weights=weights) for choices, value in values.items())
    folder.files.write(folder.judged, as_lines(nets))
