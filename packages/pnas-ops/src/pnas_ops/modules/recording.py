"""A recording of one forward pass: every PyTorch operator, with what it reads and what it makes."""

from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, UntypedStorage, nn
from torch.utils._python_dispatch import TorchDispatchMode

from pnas_ops.data.account import AccountError
from pnas_ops.data.errors import in_one_line
from pnas_ops.data.receptive_field import Extent, ReceptiveField
from pnas_ops.modules.counting import flop_counter
from pnas_ops.modules.evaluating import evaluating
from pnas_ops.modules.windows import Windowed, windowed

Shape = tuple[int, ...]
Memory = UntypedStorage
"""Memory that tensors share if they are views of one another, and that in-place operators overwrite."""

_NORMS = ("native_batch_norm", "_native_batch_norm_legit_no_training", "_batch_norm_no_update", "cudnn_batch_norm")
# Those that some version of PyTorch does not mark as elementwise.
_ELEMENTWISE = frozenset({*_NORMS, "hardswish", "hardsigmoid", "silu", "gelu", "mish", "_prelu_kernel", "hardtanh"})
_KEEP_PLACES = frozenset(
    {"cat", "clone", "_to_copy", "copy", "constant_pad_nd", "channel_shuffle", "native_channel_shuffle"}
)
"""Further operators whose result at a place depends only on the input at that place."""
_NAMES = {
    "addmm": "linear",
    "mm": "linear",
    "cat": "concatenate",
    "clone": "copy",
    "hardtanh": "clip",
    "trilinear": "bilinear",
}
_READ_SHAPES = frozenset(
    {f"{what}_like" for what in ("zeros", "ones", "empty", "full")}
    | {f"new_{what}" for what in ("zeros", "ones", "empty", "full")}
)
"""Operators that read the shape of a tensor but not its values."""


@frozen(kw_only=True, eq=False)
class Recorded:
    """An operator that was run.

    Attributes:
        place: path of the module that ran it.
        name: of the operator.
        reads: the memory of the activations that it reads.
        inputs: the shape of each view that it reads.
        result: the memory of its result.
        shape: of the result.
        others: the memory of its further results, and their numbers of values.
        weights: names of the parameters that it reads.
        macs: multiply-accumulates.
        elementwise: whether each value of the result depends on the values at the same place only.
        field: the receptive field of a pixel of the result; None for the whole image.
    """

    place: str
    name: str
    reads: tuple[Memory, ...]
    inputs: tuple[Shape, ...]
    result: Memory
    shape: Shape
    others: Mapping[Memory, int]
    weights: tuple[str, ...]
    macs: int
    elementwise: bool
    field: ReceptiveField | None


@frozen(kw_only=True, eq=False)
class Recording:
    """A forward pass.

    Attributes:
        operators: in the order in which they ran.
        given: the memory of the inputs.
        read: all memory that any operator reads.
        kept: the memory of the outputs.
    """

    operators: tuple[Recorded, ...]
    given: tuple[Memory, ...]
    read: frozenset[Memory]
    kept: frozenset[Memory]


def record(module: nn.Module, input_shapes: tuple[Shape, ...]) -> Recording:
    """Runs a module once in evaluation mode on the meta device, where nothing is computed; the module is not moved.

    Raises:
        AccountError: for a module that does not run on such inputs, with its message.
    """
    inputs = tuple(torch.empty(shape, device="meta") for shape in input_shapes)
    counter = flop_counter()
    try:
        weights = {name: torch.empty_like(one, device="meta") for name, one in module.named_parameters()}
        buffers = {name: torch.empty_like(one, device="meta") for name, one in module.named_buffers()}
        recorder = _Recorder(counter.get_total_flops, weights, inputs)
        with evaluating(module), torch.device("meta"), counter, recorder.tracker, recorder:
            output = torch.func.functional_call(module, weights | buffers, inputs)
    except Exception as error:  # a user's module may raise anything
        shapes = ", ".join("x".join(map(str, shape)) for shape in input_shapes)
        raise AccountError(
            f"{type(module).__name__} does not run on {shapes}: {type(error).__name__}: {in_one_line(error)}",
            "give shapes that it takes, and let all its tensors be parameters or buffers: it runs without their values",
        ) from error
    return Recording(
        operators=tuple(recorder.recorded),
        given=tuple(one.untyped_storage() for one in inputs),
        read=frozenset(recorder.read),
        kept=frozenset(recorder.home(one) for one in _tensors(output)),
    )


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """In the `with` block, records every operator that reads or makes an activation."""

    def __init__(self, flops: Callable[[], int], weights: Mapping[str, Tensor], inputs: tuple[Tensor, ...]) -> None:
        from torch.utils.module_tracker import ModuleTracker

        super().__init__()  # type: ignore[no-untyped-call]
        self.tracker = ModuleTracker()
        self.recorded: list[Recorded] = []
        self.read: set[Memory] = set()
        self._flops = flops
        self._weights = {one.untyped_storage(): name for name, one in weights.items()}
        self._made = {one.untyped_storage() for one in inputs}
        self._fields: dict[Memory, ReceptiveField | None] = {
            one.untyped_storage(): ReceptiveField((Extent(),) * max(0, one.dim() - 2)) for one in inputs
        }
        self._strides = {one.untyped_storage(): one.stride() for one in inputs}
        self._homes: dict[Memory, Memory] = {}

    def home(self, tensor: Tensor) -> Memory:
        """The memory of a tensor; an operator's further results count as a part of its first."""
        memory = tensor.untyped_storage()
        return self._homes.get(memory, memory)

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        options = dict(kwargs or {})
        before = self._flops()
        output = func(*args, **options)
        results = list(_tensors(output))
        operator: Any = func
        # A view computes nothing, and shares the memory of its base.
        if results and not operator.is_view and torch.Tag.inplace_view not in operator.tags:
            self._write(operator, args, list(_tensors((args, options))), results, (self._flops() - before) // 2)
        return output

    def _write(
        self, operator: Any, args: tuple[object, ...], read: list[Tensor], results: list[Tensor], macs: int
    ) -> None:
        called = operator.overloadpacket.__name__
        name = called.rstrip("_")
        activations = [] if name in _READ_SHAPES else [one for one in read if self._is_activation(one)]
        reads = tuple(dict.fromkeys(map(self.home, activations)))
        first, *further = results
        result, shape = self.home(first), tuple(first.shape)
        if result in reads and called == name:
            return  # a view by another name
        others = {one.untyped_storage(): one.numel() for one in further}
        self._homes |= dict.fromkeys(others, result)
        self._made |= {result, *others}
        self.read |= {one.untyped_storage() for one in activations}
        window = windowed(name, args, tuple(activations[0].shape), shape) if activations else None
        elementwise = name in _ELEMENTWISE or (torch.Tag.pointwise in operator.tags and name != "clone")
        if called == name:
            self._strides[result] = first.stride()
        self._see(result, activations, window, keeps_places=elementwise or name in _KEEP_PLACES)
        self.recorded.append(
            Recorded(
                place=self._place(),
                name=_shown(name) if window is None else window.name,
                reads=reads,
                inputs=_views(activations),
                result=result,
                shape=shape,
                others=others,
                weights=self._weights_of(read),
                macs=macs,
                elementwise=elementwise,
                field=self._fields.get(result),
            )
        )

    def _see(self, result: Memory, reads: list[Tensor], window: Windowed | None, *, keeps_places: bool) -> None:
        """Records the receptive field of the result; what depends on no activation has none."""
        seen = [self._seen_by(one) for one in reads if self.home(one) in self._fields]
        if not seen:
            return
        field = _joined(seen)
        if not keeps_places:
            through = () if window is None else window.windows
            field = field.through(through) if field is not None and len(through) == len(field.extents) else None
        self._fields[result] = field

    def _seen_by(self, tensor: Tensor) -> ReceptiveField | None:
        """The receptive field of a pixel of a tensor; None for a view whose pixels have new neighbours."""
        memory = self.home(tensor)
        field = self._fields[memory]
        count = 0 if field is None else len(field.extents)
        moved = count and tensor.stride()[-count:] != self._strides[memory][-count:]
        return None if moved else field

    def _is_activation(self, tensor: Tensor) -> bool:
        # Not weights, buffers, or anything else that existed before.
        return tensor.untyped_storage() in self._made

    def _weights_of(self, read: list[Tensor]) -> tuple[str, ...]:
        names = (self._weights.get(one.untyped_storage(), "") for one in read)
        return tuple(dict.fromkeys(filter(None, names)))

    def _place(self) -> str:
        # Each path begins with the name of the net's class; the longest is that of the innermost module.
        return max(self.tracker.parents - {"Global"}, key=len, default="").partition(".")[2]


def _shown(name: str) -> str:
    plain = name.removeprefix("_").removeprefix("native_")
    return _NAMES.get(plain, plain)


def _joined(fields: list[ReceptiveField | None]) -> ReceptiveField | None:
    """The field of an operator that reads all of them at the same place; None for the whole image, or other places."""
    known = [field for field in fields if field is not None]
    if not known or len(known) < len(fields) or len({len(field.extents) for field in known}) > 1:
        return None
    return reduce(ReceptiveField.joined, known)


def _views(tensors: list[Tensor]) -> tuple[Shape, ...]:
    """The shape of each, leaving out repeated views of the same memory."""
    found = {(one.untyped_storage(), one.storage_offset(), tuple(one.shape)): tuple(one.shape) for one in tensors}
    return tuple(found.values())


def _tensors(value: object) -> Iterator[Tensor]:
    """All tensors in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _tensors(one)
    elif isinstance(value, Mapping):
        yield from _tensors(list(value.values()))
