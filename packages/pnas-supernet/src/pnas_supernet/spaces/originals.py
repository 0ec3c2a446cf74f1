"""Whether a net is unchanged by a `MixedOp` at each of its places."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pnas_ops import in_one_line
from pnas_supernet.gates.mixed_op import active_paths
from pnas_supernet.gates.nested import Nest, tensors_in
from pnas_supernet.gates.path import SinglePath
from pnas_supernet.spaces.place_error import PlaceError
from pnas_supernet.spaces.tracing import Trace, trace

_ROUNDING = 1e-3
"""Relative tolerance; repeated passes differ by less in any precision, and not at all if they are deterministic."""

_ONLY_CALL = "let forward only call what stands there, or the rule return None for it"


def check_originals(network: nn.Module, before: Trace, paths: Sequence[str], arguments: tuple[Any, ...]) -> None:
    """Checks that a net along the originals runs as it did before it had any `MixedOp`s.

    Args:
        network: with a `MixedOp` at each path.
        before: the trace of the original net.
        paths: of the places.
        arguments: of the net, the same as for `before`.

    Raises:
        PlaceError: if it does not run, gives another output, or does not call each `MixedOp` once.
    """
    ops = {network.get_submodule(path): path for path in paths}
    try:
        with active_paths(network, [SinglePath(0)] * len(ops)):
            now = trace(network, arguments)
    except Exception as error:  # any error will do, since the net has run without MixedOps
        raise PlaceError(
            f"the net does not run with a MixedOp at {_listed(paths)}: {in_one_line(error)}", _ONLY_CALL
        ) from error
    for op, path in ops.items():
        if (times := len(now.calls.get(op, []))) != 1:
            raise PlaceError(
                f"the net calls the MixedOp at {path!r} {times} times, what stood there once: it has it elsewhere too",
                "keep modules in an nn.ModuleList rather than in a list, or let the rule return None for it",
            )
    if not _alike(now.output, before.output):
        raise PlaceError(
            f"the net gives another output with a MixedOp at {_listed(paths)}, even along the originals", _ONLY_CALL
        )


def _listed(paths: Sequence[str]) -> str:
    return " or ".join([*map(repr, paths[:3]), *(["another place"] if len(paths) > 3 else [])])


def _alike(given: object, wanted: object) -> bool:
    ours, theirs = tensors_in(given), tensors_in(wanted)
    alike = len(ours) == len(theirs) and Nest.split(given)[0].spec == Nest.split(wanted)[0].spec
    return alike and all(map(_close, ours, theirs))


def _close(given: Tensor, wanted: Tensor) -> bool:
    if (given.shape, given.dtype) != (wanted.shape, wanted.dtype):
        return False
    if given.is_meta or torch.equal(given, wanted):
        return True
    if not (wanted.is_floating_point() or wanted.is_complex()):
        return False
    size = float(wanted.abs().double().nan_to_num(0.0, 0.0, 0.0).max())
    return torch.allclose(given, wanted, rtol=_ROUNDING, atol=_ROUNDING * size, equal_nan=True)
