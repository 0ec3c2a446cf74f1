"""The candidates that a rule returns for a place: refused in one line, or made to fit, before anything learns."""

from collections.abc import Mapping, MutableSet, Set

import torch
from torch import Tensor, nn

from pnas_ops import ModuleWorkload, in_one_line
from pnas_supernet.gates.candidates import input_versions
from pnas_supernet.spaces.place_error import PlaceError
from pnas_supernet.spaces.recording import record_workload

ORIGINAL = "original"
"""The title of the original module at a place: its first candidate."""


def checked_candidates(
    path: str,
    original: nn.Module,
    wanted: object,
    *,
    weights: Set[nn.Parameter],
    taken: MutableSet[nn.Module | Tensor],
) -> dict[str, nn.Module]:
    """The candidates of a place, the original first, all on its device and in its dtype and memory format.

    Args:
        path: of the place.
        original: the module there.
        wanted: what the rule returned.
        weights: of the net.
        taken: earlier candidates, with their weights; the new ones are added.

    Raises:
        PlaceError: for anything but a mapping from titles to modules, and for modules that share weights with the net
            or with one another.
    """
    if not isinstance(wanted, Mapping):
        raise PlaceError(
            f"the rule returned a {type(wanted).__name__} for {path!r}", "return a dict from titles to modules, or None"
        )
    for title, candidate in wanted.items():
        if not isinstance(title, str) or not isinstance(candidate, nn.Module):
            raise PlaceError(
                f"the rule returned {title!r}: {type(candidate).__name__} for {path!r}",
                "return a dict from titles to modules, or None",
            )
        if title == ORIGINAL:
            raise PlaceError(
                f"the rule calls a candidate of {path!r} {ORIGINAL!r}",
                "give it another title: the module that is there is always a candidate under this one",
            )
        if not weights.isdisjoint(candidate.parameters()):
            raise PlaceError(
                f"{title!r} at {path!r} shares its weights with the net", "give it a copy of its own: copy.deepcopy"
            )
        own: set[nn.Module | Tensor] = {candidate, *candidate.parameters(), *candidate.buffers()}
        if not taken.isdisjoint(own):
            raise PlaceError(
                f"{title!r} at {path!r} is another candidate too, or shares its weights",
                "let the rule make each a module of its own: copy.deepcopy",
            )
        taken |= own
    return {ORIGINAL: original} | {title: _like(original, one) for title, one in wanted.items()}


def recorded_candidates(
    path: str, candidates: Mapping[str, nn.Module], inputs: tuple[Tensor, ...]
) -> tuple[ModuleWorkload, ...]:
    """The workloads of a place's candidates.

    Raises:
        PlaceError: for a candidate that does not run on these inputs or changes them in place, or whose output differs
            in form from that of the original.
    """
    expected = ""
    workloads = []
    versions = input_versions(inputs, {})
    for title, candidate in candidates.items():
        try:
            workload, output = record_workload(title, candidate, inputs)
        except (RuntimeError, TypeError) as error:
            raise PlaceError(
                f"{title!r} at {path!r} does not run on {_looks(inputs)}: {in_one_line(error)}",
                "let the rule return candidates that take what the original takes",
            ) from error
        if input_versions(inputs, {}) != versions:
            raise PlaceError(
                f"{title!r} at {path!r} changes its input in place, which the others need as it was",
                "build it with inplace=False, and call F.relu and the like instead of F.relu_",
            )
        given = _looks(output)
        expected = expected or given
        if given != expected:
            raise PlaceError(
                f"{title!r} at {path!r} gives {given}, the original {expected}",
                "let the rule return candidates whose outputs have the original's shape",
            )
        workloads.append(workload)
    return tuple(workloads)


def _like(original: nn.Module, candidate: nn.Module) -> nn.Module:
    """A candidate made like the original: on its device, in its dtype and memory format, in evaluation mode."""
    parameters = list(original.parameters())
    candidate.to({parameter.device for parameter in parameters}.pop() if parameters else None)
    if len(dtypes := {parameter.dtype for parameter in parameters if parameter.is_floating_point()}) == 1:
        candidate.to(dtypes.pop())
    images = [parameter for parameter in parameters if parameter.dim() == 4]
    if any(_is_channels_last(parameter) for parameter in images):
        candidate.to(memory_format=torch.channels_last)
    if not any(part.training for part in original.modules()):
        candidate.eval()
    return candidate


def _is_channels_last(tensor: Tensor) -> bool:
    return tensor.is_contiguous(memory_format=torch.channels_last) and not tensor.is_contiguous()


def _looks(value: object) -> str:
    """Shapes and dtypes of tensors in readable form: "1x16x56x56 in float32"."""
    if isinstance(value, Tensor):
        return f"{'x'.join(map(str, value.shape))} in {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, tuple):
        return ", ".join(map(_looks, value))
    return type(value).__name__
