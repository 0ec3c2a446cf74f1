"""Whether what a user's function has made is a net that can be searched and trained."""

import copy
import sys
from itertools import chain
from pathlib import Path
from typing import Any

from torch import jit, nn
from torch.ao.nn.quantized.modules.utils import WeightedQuantizedModule
from torch.nn.parameter import is_lazy

from pnas_apps.ground.errors import UserError
from pnas_ops import in_one_line


def check_made(made: Any, path: Path, name: str) -> nn.Module:
    """The net.

    Args:
        made: what the function `name` of the file `path` returned.

    Raises:
        UserError: for anything but a module of Python that can be copied, whose weights are there, and may learn.
    """
    if not isinstance(made, nn.Module):
        raise UserError(f"{path}: {name} returned a {type(made).__name__}: let it return a torch.nn.Module")
    if isinstance(made, jit.ScriptModule):
        raise UserError(
            f"{path}: {name} returned a scripted net, whose layers cannot be replaced: return the net before "
            "torch.jit.script or torch.jit.trace"
        )
    if _is_compiled(made):
        raise UserError(
            f"{path}: {name} returned a compiled net, which would be compiled again for every net of the search: "
            "return it without torch.compile"
        )
    quantized = [part_path for part_path, part in made.named_modules() if isinstance(part, WeightedQuantizedModule)]
    if quantized:
        raise UserError(
            f"{path}: {quantized[0]} of the net that {name} makes is quantized, so its weights cannot be trained: "
            "return the unquantized net; the result is quantized at the end"
        )
    for tensor_name, tensor in chain(made.named_parameters(), made.named_buffers()):
        if is_lazy(tensor):
            raise UserError(
                f"{path}: {tensor_name} of the net that {name} makes has no shape yet (a lazy module): run the net "
                f"once on some images in {name}"
            )
        if tensor.is_meta:
            raise UserError(
                f"{path}: {tensor_name} of the net that {name} makes is on the meta device, where it has no values: "
                "make the net on the CPU and load its weights"
            )
    weights = list(made.parameters())
    if not weights:
        raise UserError(f"{path}: the net that {name} makes has no weights: there is nothing to train")
    if not any(one.requires_grad for one in weights):
        raise UserError(
            f"{path}: all weights of the net that {name} makes are frozen: call requires_grad_(True) on those that may "
            "learn"
        )
    _check_copies(made, path, name)
    return made


def _is_compiled(made: nn.Module) -> bool:
    # Where this is not imported, which takes a second, nothing has been compiled.
    compiler = sys.modules.get("torch._dynamo.eval_frame")
    return compiler is not None and any(
        isinstance(part, compiler.OptimizedModule)
        or vars(part).get("_compiled_call_impl") is not None  # by `compile` of the module itself
        or hasattr(part.forward, "_torchdynamo_orig_callable")
        for part in made.modules()
    )


def _check_copies(made: nn.Module, path: Path, name: str) -> None:
    try:
        copy.deepcopy(made)
    except Exception as error:  # whatever a module of someone's raises
        raise UserError(
            f"{path}: the net that {name} makes cannot be copied ({type(error).__name__}: {in_one_line(error)}): let "
            "its modules hold only parameters and buffers (torch.nn.utils.parametrizations do, the older "
            "torch.nn.utils.weight_norm does not)"
        ) from None
