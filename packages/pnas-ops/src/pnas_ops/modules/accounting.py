"""The account of a net: what each of its operators computes, holds and moves."""

from collections.abc import Mapping, Sequence
from math import prod

import torch
from attrs import frozen
from torch import nn

from pnas_ops.data.account import Account, AccountLine, Alive, Role, StoredDtype, value_bytes
from pnas_ops.data.architecture import Architecture
from pnas_ops.data.liveness import MemoryStep, alive_over_time
from pnas_ops.modules.build import build_network
from pnas_ops.modules.counting import count_parameters
from pnas_ops.modules.recording import Memory, Recorded, Recording, record

_INPUT = "input"


def account_of(
    module: nn.Module, input_shapes: Sequence[tuple[int, ...]], *, dtype: StoredDtype = "float32"
) -> Account:
    """What a net computes, holds and moves at each operator, from a forward pass on shapes alone.

    Any PyTorch module will do; it is run in evaluation mode and left as it was. MACs are those of `count_macs`,
    parameters those of `count_parameters`. Memory is what an inference runtime needs:

    - BatchNorm and elementwise functions (activations, sums, products) overwrite an operand of their result's size that
      nothing reads later, whether the module is written that way or not. They are part of the line of the operator that
      they follow. Views need no memory.
    - A result, and likewise the net's input, stays until it was last read. Weights are counted separately.
    - What nothing reads is not made, such as the indices of a max pool. A kernel's own scratch memory is not known.

    The metric `peak_activation_bytes` of pnas_latency follows TFLite's files instead, where a padding for a stride of
    2, an h-swish and a part of a tensor are copies; without any of these, both agree.

    Args:
        module: any; on the meta device or not.
        input_shapes: of its positional arguments, which are float32 tensors: (N, C, H, W) for images.
        dtype: of all weights and activations, for what is in bytes.

    Raises:
        AccountError: for a module that does not run on such inputs, and for an unknown dtype.
    """
    size = value_bytes(dtype)
    shapes = tuple(map(tuple, input_shapes))
    recording = record(module, shapes)
    parts = _parts(recording)
    moments = _moments(parts, recording, shapes)
    unread = {name: parameter.numel() for name, parameter in module.named_parameters()}
    makers: dict[Memory, str] = dict.fromkeys(recording.given, _INPUT)
    lines = []
    for part, moment in zip(parts, moments, strict=True):
        makers[part.result] = part.place or part.name
        parameters = sum(unread.pop(name, 0) for name in part.weights)
        lines.append(
            AccountLine(
                place=part.place,
                operator=" + ".join(one.name for one in part.operators),
                input_shapes=part.first.inputs,
                output_shape=part.last.shape,
                macs=sum(one.macs for one in part.operators),
                parameters=parameters,
                weight_bytes=parameters * size,
                input_bytes=sum(map(prod, part.first.inputs)) * size,
                output_bytes=part.values * size,
                alive=tuple(
                    Alive(made_by=makers[one], size_bytes=values * size, role=part.role(one))
                    for one, values in moment.items()
                ),
                receptive_field=None if part.last.field is None else part.last.field.pixels,
            )
        )
    return Account(dtype=dtype, input_shapes=shapes, lines=tuple(lines), parameters=count_parameters(module))


def architecture_account(architecture: Architecture, *, dtype: StoredDtype = "float32") -> Account:
    """The `account_of` a net for one image."""
    with torch.device("meta"):
        network = build_network(architecture)
    return account_of(network, architecture.input_shapes, dtype=dtype)


@frozen(eq=False)
class _Part:
    """An operator, and those that change its result in place."""

    operators: tuple[Recorded, ...]
    values: int

    @property
    def first(self) -> Recorded:
        return self.operators[0]

    @property
    def last(self) -> Recorded:
        return self.operators[-1]

    @property
    def place(self) -> str:
        return self.first.place

    @property
    def name(self) -> str:
        return self.first.name

    @property
    def result(self) -> Memory:
        return self.last.result

    @property
    def weights(self) -> tuple[str, ...]:
        return tuple(name for one in self.operators for name in one.weights)

    def role(self, memory: Memory) -> Role:
        if memory == self.result:
            return "output"
        return "input" if memory in self.first.reads else "waiting"


def _parts(recording: Recording) -> list[_Part]:
    """The operators, each with those that follow it in place; constants that nothing reads are left out."""
    readers: dict[Memory, set[Recorded]] = {}
    for one in recording.operators:
        for memory in one.reads:
            readers.setdefault(memory, set()).add(one)

    def follows(one: Recorded, part: list[Recorded]) -> bool:
        """Whether an operator only changes the result of a part, before anything else has read it."""
        result = part[-1].result
        if not one.elementwise or one.reads != (result,):
            return False
        alone = result not in recording.kept and readers[result] <= {one, *part}
        return one.result == result or (alone and prod(one.shape) == prod(part[-1].shape))

    parts: list[list[Recorded]] = []
    makers: dict[Memory, list[Recorded]] = {}
    for one in recording.operators:
        if not one.reads and one.result not in readers.keys() | recording.kept:
            continue
        part = makers.get(one.reads[0]) if one.reads else None
        if part is None or not follows(one, part):
            part = []
            parts.append(part)
        part.append(one)
        makers[one.result] = part
    return [_Part(tuple(part), _values(part[-1], recording)) for part in parts]


def _values(one: Recorded, recording: Recording) -> int:
    """The number of values of the result, and of those further results that anything reads."""
    further = (values for memory, values in one.others.items() if memory in recording.read)
    return prod(one.shape) + sum(further)


def _moments(
    parts: Sequence[_Part], recording: Recording, shapes: Sequence[tuple[int, ...]]
) -> tuple[Mapping[Memory, int], ...]:
    """What is in memory while each part runs, in values."""
    steps = [
        MemoryStep(result=part.result, size=part.values, reads=part.first.reads, in_place=part.first.elementwise)
        for part in parts
    ]
    given = dict(zip(recording.given, map(prod, shapes), strict=True))
    return alive_over_time(steps, given=given, kept=recording.kept)
