"""Whether the gates get the gradients that they should: against sums of products of outputs, made by hand."""

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.gpu_parts.capturing import MODES, switch_of
from benchmarks.gpu_parts.setting import Line, Setting, guarded
from pnas_ops import MBConv, Zero
from pnas_supernet import ExactGate, GatePath, MixedOp, TwoPathGate, active_paths

CHANNELS = 16
SEED = 5
BOUNDS = {"float64": 1e-12, "float32": 1e-5, "bfloat16": 2e-2}
PATHS: tuple[GatePath, ...] = (ExactGate(0), ExactGate(3), ExactGate(4), TwoPathGate(1, 3), TwoPathGate(3, 0))


def run(setting: Setting) -> Iterator[Line]:
    """A line for each number format, with the largest error of all paths, eager and from captured graphs."""
    for mode in MODES:
        for precision in BOUNDS:
            yield from guarded({"precision": precision, "mode": mode}, partial(_errors, setting, precision, mode))


def _errors(setting: Setting, precision: str, mode: str) -> Iterator[Line]:
    switched = switch_of(mode)
    dtype = torch.float64 if precision == "float64" else torch.float32
    torch.manual_seed(0)
    batch, size = (4, 6) if setting.tiny else (64, 28)
    op = MixedOp(_candidates()).to(setting.device, dtype).to(memory_format=torch.channels_last)
    with torch.no_grad():
        op.alpha.copy_(torch.linspace(-1, 1, len(op.candidates)))
    x, slope = torch.randn(2, batch, CHANNELS, size, size, device=setting.device, dtype=dtype)
    forward = partial(_forward, precision == "bfloat16")
    errors = {}
    with switched(op):
        for path in PATHS:
            expected = _by_hand(op, path, [forward(copy.deepcopy(one), x) for one in op.candidates], slope)
            for _ in range(3):  # a captured graph is replayed
                op.alpha.grad = None
                with active_paths(op, [path]):
                    output = _forward(precision == "bfloat16", op, x.clone().requires_grad_(), graph=True)
                output.backward(slope.to(output.dtype))
            assert op.alpha.grad is not None
            found = op.alpha.grad.double()
            errors[str(path)] = float((found - expected).abs().max() / expected.abs().max())
    worst = max(errors, key=errors.__getitem__)
    yield {"error": errors[worst], "path": worst, "bound": BOUNDS[precision], "ok": errors[worst] <= BOUNDS[precision]}


def _candidates() -> list[nn.Module]:
    """With BatchNorm, with dropout, and with nothing."""
    mbconvs: list[nn.Module] = [
        MBConv(CHANNELS, CHANNELS, kernel_size=kernel, expansion=expansion, stride=1)
        for kernel, expansion in ((3, 3), (5, 6), (7, 3))
    ]
    return [*mbconvs, nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), nn.Dropout(0.3)), Zero()]


def _forward(autocast: bool, module: Callable[[Tensor], Tensor], x: Tensor, *, graph: bool = False) -> Tensor:
    torch.manual_seed(SEED)
    with torch.set_grad_enabled(graph), torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=autocast):
        return module(x)


def _by_hand(op: MixedOp, path: GatePath, outputs: Sequence[Tensor], slope: Tensor) -> Tensor:
    """Eq. 4 over the members of the path, in float64."""
    members = list(range(len(outputs))) if isinstance(path, ExactGate) else list(path.members)
    probs = op.alpha.detach()[members].double().softmax(dim=0)
    products = torch.stack([(outputs[member].double() * slope.double()).sum() for member in members])
    gradient = torch.zeros(len(outputs), dtype=torch.float64, device=slope.device)
    gradient[members] = probs * (products - probs @ products)
    return gradient
