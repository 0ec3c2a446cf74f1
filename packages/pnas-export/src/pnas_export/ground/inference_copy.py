"""The copy of a net that every export and every proof starts from."""

import copy
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune, remove_spectral_norm, remove_weight_norm
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm
from torch.optim.swa_utils import AveragedModel

from pnas_export.ground.first_line import first_line
from pnas_export.ground.net_error import NetError

_OF_EVERY_CLASS = ("__dict__", "__weakref__")


def inference_copy(module: nn.Module) -> nn.Module:
    """A copy on the CPU, in float32 and evaluation mode, without gradients, since converters edit their input.

    It is an `unwrapped_copy`, and weights that are computed in each call (weight norm, spectral norm, pruning,
    parametrizations) are computed once and stored.

    Raises:
        NetError: as `unwrapped_copy`.
    """
    net = unwrapped_copy(module).eval().requires_grad_(False)
    _compute_weights(net)
    # Contiguous, since layers of channel-last weights return strides that a view in the net does not accept.
    return net.cpu().to(memory_format=torch.contiguous_format).float()


def unwrapped_copy(module: nn.Module) -> nn.Module:
    """A copy without what only trains or speeds up, at any depth.

    That is `DataParallel`, `DistributedDataParallel`, `AveragedModel` and `torch.compile`. Activations that layers
    store are shared with the original, without gradients.

    Raises:
        NetError: for a net that cannot be copied or exported: a scripted module, missing weights, or an attribute that
            cannot be copied, which it names.
    """
    if not isinstance(module, nn.Module):
        raise NetError(f"a net must be a torch.nn.Module, got {type(module).__name__}")
    _check(module)
    # `deepcopy` treats what it finds in here as copied already.
    memo: dict[int, Any] = {id(kept): kept.detach() for kept in _computed_tensors(module)}
    for wrapper in reversed([part for part in module.modules() if _inside(part) is not None]):
        memo[id(wrapper)] = _copied(_inside(wrapper), memo)
    net: nn.Module = _copied(module, memo)
    return net


def _inside(part: nn.Module) -> nn.Module | None:
    """The net in a wrapper that computes the same; None for any other module."""
    if isinstance(part, (nn.DataParallel, nn.parallel.DistributedDataParallel, AveragedModel)):
        inside: nn.Module = part.module
        return inside
    # Where this is not imported, which takes a second, nothing has been compiled.
    compiler = sys.modules.get("torch._dynamo.eval_frame")
    if compiler is not None and isinstance(part, compiler.OptimizedModule):
        original: nn.Module = part.get_submodule("_orig_mod")
        return original
    return None


def _check(module: nn.Module) -> None:
    for name, part in module.named_modules():
        place = f"layer {name!r}" if name else "the net"
        if isinstance(part, torch.jit.ScriptModule):
            raise NetError(f"{place} is scripted or traced (torch.jit)", "export the module that it was made from")
        weights = [*part.parameters(recurse=False), *part.buffers(recurse=False)]
        if any(map(nn.parameter.is_lazy, weights)):
            raise NetError(
                f"{place} ({type(part).__name__}) has no weights yet",
                "run the net once on images before it is exported",
            )
        if any(weight.is_meta for weight in weights):
            raise NetError(f"the weights of {place} are on the meta device", "load weights before the net is exported")


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    try:
        return copy.deepcopy(value, memo)
    except Exception as error:  # a module may hold any object of the user's, which may raise anything
        for name, part in value.named_modules():
            for attribute, held in vars(part).items():
                if attribute != "_modules" and not _can_be_copied(held, memo):
                    where = f"{name}.{attribute}" if name else attribute
                    raise NetError(
                        f"the net holds {where!r} ({type(held).__name__}), which cannot be copied",
                        "set it to None before the net is exported",
                    ) from error
        raise NetError(f"the net cannot be copied: {first_line(error)}") from error


def _can_be_copied(held: object, memo: dict[int, Any]) -> bool:
    try:
        copy.deepcopy(held, dict(memo))
    except Exception:  # see `_copied`
        return False
    return True


def _computed_tensors(value: object) -> Iterator[Tensor]:
    """Tensors with a history of gradients, which `deepcopy` refuses, in a module's attributes or in containers."""
    if isinstance(value, Tensor):
        if not value.is_leaf:
            yield value
    elif isinstance(value, nn.Module):
        for part in value.modules():
            for held in vars(part).values():
                if not isinstance(held, nn.Module):
                    yield from _computed_tensors(held)
    elif isinstance(value, (list, tuple, set, dict)):
        for held in value.values() if isinstance(value, dict) else value:
            if not isinstance(held, nn.Module):
                yield from _computed_tensors(held)


@torch.no_grad()
def _compute_weights(net: nn.Module) -> None:
    for part in net.modules():
        if parametrize.is_parametrized(part):
            # Parametrizations are removed from the class, which a copy shares with its original.
            part.__class__ = _twin(type(part))
            for name in list(part.parametrizations):  # type: ignore[arg-type]
                parametrize.remove_parametrizations(part, name)
        for hook in list(vars(part)["_forward_pre_hooks"].values()):
            if isinstance(hook, WeightNorm):
                remove_weight_norm(part, hook.name)
            elif isinstance(hook, SpectralNorm):
                remove_spectral_norm(part, hook.name)
            elif isinstance(hook, prune.BasePruningMethod):
                prune.remove(part, vars(hook)["_tensor_name"])  # type: ignore[no-untyped-call]


def _twin(kind: type) -> type:
    return type(kind.__name__, kind.__bases__, {k: v for k, v in vars(kind).items() if k not in _OF_EVERY_CLASS})
