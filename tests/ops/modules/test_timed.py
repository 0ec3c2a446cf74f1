"""What a device runs for a workload or a net of either kind of space."""

import pytest
import torch
from torch import nn

from pnas_ops import (
    ModuleArchitecture,
    ModuleWorkload,
    NoBuilderError,
    Place,
    Workload,
    build_timed,
    digits_mbconv_space,
    example_inputs,
    workloads,
)

CANDIDATE = ModuleWorkload(title="embed", operators=("embedding",), input_shapes=((1, 7),), dtype="int64")
REST = ModuleWorkload(title="rest", operators=("add",), input_shapes=((1, 7), (2, 3)), dtype="float16")
NET = ModuleArchitecture(name="net", rest=REST, places=(Place(path="0", candidates=(CANDIDATE,)),))
BLOCKS = digits_mbconv_space().architecture([0] * 6)


def test_blocks_are_built_from_their_specification() -> None:
    (first,), *_ = workloads(BLOCKS)
    for key in (first, BLOCKS):
        module = build_timed(key)
        assert not module.training
        with torch.no_grad():
            result = module(*example_inputs(key))
        last = key.block if isinstance(key, Workload) else BLOCKS.blocks[-1]
        assert result.shape[:2] == (1, last.out_channels)


@pytest.mark.parametrize("key", [CANDIDATE, NET], ids=["candidate", "net"])
def test_modules_are_built_by_whoever_has_them(key: ModuleWorkload | ModuleArchitecture) -> None:
    asked: list[object] = []

    def build(one: ModuleWorkload | ModuleArchitecture) -> nn.Module:
        asked.append(one)
        return nn.Sequential(nn.Dropout())

    module = build_timed(key, build)
    assert asked == [key]
    assert not any(part.training for part in module.modules())
    with pytest.raises(NoBuilderError, match=r"is of a user.s own module: pass build="):
        build_timed(key)


def test_inputs_have_the_shapes_and_the_type_of_the_workload() -> None:
    assert [(x.shape, x.dtype) for x in example_inputs(CANDIDATE)] == [((1, 7), torch.int64)]
    assert [(x.shape, x.dtype) for x in example_inputs(NET)] == [((1, 7), torch.float16), ((2, 3), torch.float16)]
    assert [(x.shape, x.dtype) for x in example_inputs(BLOCKS)] == [(BLOCKS.input_shape, torch.float32)]
