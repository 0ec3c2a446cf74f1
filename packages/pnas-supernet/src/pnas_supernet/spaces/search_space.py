"""Turns a user's net into a search space."""

import copy
from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pnas_ops import ModuleSpace, ModuleWorkload, Place, count_parameters
from pnas_supernet.gates.mixed_op import MixedOp, mixed_ops
from pnas_supernet.gates.nested import tensors_in
from pnas_supernet.spaces.candidates import checked_candidates, recorded_candidates
from pnas_supernet.spaces.module_supernet import ModuleSuperNet
from pnas_supernet.spaces.originals import check_originals
from pnas_supernet.spaces.place_error import PlaceError
from pnas_supernet.spaces.recording import dtype_of, shapes_of
from pnas_supernet.spaces.rules import Rule
from pnas_supernet.spaces.tracing import Trace, trace
from pnas_supernet.spaces.watching import asked_of


def search_space_of(
    module: nn.Module,
    example_inputs: Any,
    replace: Rule,
    *,
    name: str = "",
    generator: torch.Generator | None = None,
) -> ModuleSuperNet:
    """A copy of a net with a `MixedOp` wherever the rule returns candidates, and its space as plain data.

    The original module remains the first candidate of its place, with its weights. Shapes come from one forward pass in
    evaluation mode. A place must be called once in a pass, with tensors, and return one, and the net may not read its
    attributes, such as its weight. Places are never nested: the rule is called from the outermost modules inwards. In
    the copy, activations no longer work in place, since those after a place would change the outputs of its candidates.

    Args:
        module: any net, in any mode, precision and layout, on any device; it is not changed.
        example_inputs: a tensor, or a tuple of the net's positional arguments; all workloads have their batch size.
        replace: see `Rule`; `inverted_residuals`, `inner_widths`, `convolutions`, `with_skip`, `first_of` or your own.
        name: of the space; the module's class if empty.
        generator: for the architecture parameters; PyTorch's global one if None.

    Raises:
        PlaceError: if the rule returns an impossible place, a candidate that does not fit, or no places, or if
            `MixedOp`s at the places change the net even along the originals.
    """
    arguments = example_inputs if isinstance(example_inputs, tuple) else (example_inputs,)
    if not tensors_in(arguments):
        raise PlaceError("the example inputs hold no tensor", "pass a tensor, or a tuple of the net's arguments")
    if mixed_ops(module):
        raise PlaceError("the net holds MixedOps already", "pass it as it was before, or search it as it is")
    network = copy.deepcopy(module)
    _leave_inputs_alone(network)
    traced = trace(network, arguments)
    asked: dict[str, str] = {}
    found = _found(network, traced, replace, asked)
    while more := asked_of(network, found, arguments):
        asked |= more
        found = _found(network, traced, replace, asked)
    if not found:
        raise PlaceError(
            "the rule returned no candidate for any module", "print the net, and let the rule look for what is in it"
        )
    places = tuple(
        Place(path=path, candidates=recorded_candidates(path, candidates, traced.inputs(network.get_submodule(path))))
        for path, candidates in found.items()
    )
    rest = _rest(network, traced, places, tensors_in(arguments))
    for path, candidates in found.items():
        device = next((value.device for value in network.get_submodule(path).parameters()), None)
        network.set_submodule(path, MixedOp(candidates.values()).to(device))
    check_originals(network, traced, list(found), arguments)
    space = ModuleSpace(name=name or type(module).__name__, rest=rest, places=places)
    return ModuleSuperNet(network, space, generator=generator)


def _leave_inputs_alone(network: nn.Module) -> None:
    for part in network.modules():
        # That of a scripted module is a constant.
        if getattr(part, "inplace", False) is True and not isinstance(part, torch.jit.ScriptModule):
            part.inplace = False  # type: ignore[assignment]


def _found(
    network: nn.Module, traced: Trace, replace: Rule, asked: Mapping[str, str]
) -> dict[str, dict[str, nn.Module]]:
    """The candidates of every place by its path, in the order of the net's `MixedOp`s.

    Args:
        network: the net.
        traced: a pass of it.
        replace: the rule.
        asked: attributes that the net reads, by the path of their module; see `asked_of`.
    """
    stands = Counter(id(part) for _, part in network.named_modules(remove_duplicate=False))
    owners = Counter(value for _, value in network.named_parameters(remove_duplicate=False))
    found: dict[str, dict[str, nn.Module]] = {}
    taken: set[nn.Module | Tensor] = set()
    for path, part in network.named_modules():
        if not path or any(path.startswith(f"{outer}.") for outer in found):
            continue
        misfit = (
            f"is asked for its {asked[path]} by the net" if path in asked else _misfit(part, traced, stands, owners)
        )
        wanted = replace(path, part, () if misfit else traced.inputs(part))
        if not wanted:
            continue
        if misfit:
            raise PlaceError(f"{path!r} {misfit}", "let the rule return None for it, or a place around it")
        found[path] = checked_candidates(path, part, wanted, weights={*network.parameters()}, taken=taken)
    return found


def _misfit(part: nn.Module, traced: Trace, stands: Mapping[int, int], owners: Mapping[nn.Parameter, int]) -> str:
    """Why a module of the net cannot be a place; empty if it can.

    Args:
        part: the module.
        traced: a pass of the net.
        stands: the number of paths of each module, by its `id`.
        owners: the number of paths of each parameter.
    """
    inside = Counter(value for _, value in part.named_parameters(remove_duplicate=False))
    if stands[id(part)] > 1:
        return "stands at several paths of the net"
    if any(owners[value] > count for value, count in inside.items()):
        return "shares weights with another part of the net"
    return traced.misfit(part)


def _rest(network: nn.Module, traced: Trace, places: tuple[Place, ...], inputs: list[Tensor]) -> ModuleWorkload:
    """Everything that the pass ran outside of the places, the same for every net of the space."""
    originals = [place.candidates[0] for place in places]
    inside: set[int] = set()
    for place in places:
        (call,) = traced.calls[network.get_submodule(place.path)]
        inside |= {*range(call.start, call.stop)}
    return ModuleWorkload(
        title="rest",
        operators=tuple(text for number, text in enumerate(traced.operators) if number not in inside),
        input_shapes=shapes_of(inputs),
        dtype=dtype_of(inputs),
        macs=traced.macs - sum(original.macs for original in originals),
        parameters=count_parameters(network) - sum(original.parameters for original in originals),
        kernel_size=max((size for number, size in traced.kernel_sizes.items() if number not in inside), default=1),
    )
