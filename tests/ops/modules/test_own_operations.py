"""Operations of somebody's own: built, seeded, counted, and tried before anything takes long."""

from collections.abc import Callable

import pytest
import torch
from attrs import evolve, field, frozen
from torch import Tensor, nn

from ghost_operations import GhostSpec
from pnas_ops import (
    MBConvSpec,
    OperationError,
    OwnOperation,
    SearchSpace,
    ZeroSpec,
    architecture_macs,
    build_network,
    build_space,
    check_operations,
    digits_mbconv_space,
    initialize_weights,
    own_operations_of,
)

SMALL = digits_mbconv_space(0.5, blocks_per_stage=1)
SPACE = evolve(SMALL, candidates=(GhostSpec(), MBConvSpec(kernel_size=3, expansion=3)))


def test_it_stands_where_it_can_and_nowhere_else() -> None:
    odd = evolve(SPACE, stages=(evolve(SPACE.stages[0], width=15), SPACE.stages[1]))
    assert [len(row) for row in odd.mixed] == [1, 2]
    assert own_operations_of(odd) == (GhostSpec(),)
    with pytest.raises(ValueError, match="names a candidate twice: ghost-3x3, ghost-3x3"):
        evolve(SPACE, candidates=(GhostSpec(), GhostSpec(scale=2.0)))


def test_a_net_with_it_has_the_work_of_its_layers() -> None:
    plain, own = (architecture_macs(SPACE.architecture(choice)) for choice in ([1, 1], [0, 1]))
    # Stride 2 brings 16 pixels to 8: a 1x1 convolution from 8 to 8 channels, then a depthwise 3x3 of these 8.
    ghost = 8 * 8 * (8 * 8 + 9 * 8)
    # An MBConv of expansion 3 from 8 to 16: 24 channels at 16 pixels, depthwise at 8, and to 16.
    mbconv = 16 * 16 * 8 * 24 + 8 * 8 * (9 * 24 + 24 * 16)
    assert own - plain == ghost - mbconv


def test_a_seed_fixes_what_it_draws_for_itself_and_other_weights_are_what_they_were() -> None:
    def weights(build: Callable[[torch.Generator], nn.Module], noise: int) -> list[Tensor]:
        torch.manual_seed(noise)
        return list(build(_seeded()).parameters())

    builds: list[Callable[[torch.Generator], nn.Module]] = [
        lambda generator: build_network(SPACE.architecture([0, 0]), generator=generator),
        lambda generator: build_space(SPACE, nn.ModuleList, generator=generator),
    ]
    for build in builds:
        one, other = weights(build, 1), weights(build, 2)
        assert all(map(torch.equal, one, other))
    drawn, expected = (build_network(SMALL.architecture([0, 0]), generator=_seeded()) for _ in range(2))
    initialize_weights(expected, generator=_seeded())
    assert all(map(torch.equal, drawn.parameters(), expected.parameters()))


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(7)


class Doing(nn.Module):
    """A module that does what it is told."""

    def __init__(self, do: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.do = do

    def forward(self, x: Tensor) -> object:
        return self.do(x)


class Tied(nn.Module):
    """Two names for one tensor, which safetensors does not write."""

    def __init__(self) -> None:
        super().__init__()
        self.one = self.other = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.one


@frozen(kw_only=True)
class OddSpec(OwnOperation):
    """An operation with a fault."""

    fault: str

    @property
    def name(self) -> str:
        return "" if self.fault == "name" else "odd"

    @property
    def kernel_size(self) -> int:
        return 0 if self.fault == "kernel" else 3

    def misfit(self, in_channels: int, out_channels: int, *, stride: int, residual: bool) -> str | None:
        return str(1 // 0) if self.fault == "misfit" else None

    def build(self, *, in_channels: int, out_channels: int, stride: int) -> nn.Module:
        faults: dict[str, Callable[[], object]] = {
            "build": lambda: [][0],
            "no module": lambda: torch.relu,
            "shape": lambda: nn.Conv2d(in_channels, out_channels, 3, stride),
            "dtype": lambda: Doing(lambda x: x.double()),
            "several": lambda: Doing(lambda x: (x, x)),
            "in place": lambda: Doing(lambda x: x.relu_()),
            "forward": lambda: Doing(lambda x: x @ x.new_zeros(5, 5)),
            "tied": Tied,
            "meta": lambda: Doing(lambda x: x * x.abs().max().item()),
        }
        return faults.get(self.fault, nn.Identity)()  # type: ignore[return-value]


@frozen(kw_only=True)
class GrowingSpec(OddSpec):
    """An operation with a field that comes back from a file as something else."""

    size: int = field(default=1, converter=lambda size: size + 1)


@frozen(kw_only=True)
class HoldingSpec(OddSpec):
    """An operation with a field that JSON has no word for."""

    held: object = torch.float32


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (OddSpec(fault="kernel"), "OddSpec.kernel_size must be a whole number from 1, got 0"),
        (OddSpec(fault="build"), "OddSpec.build fails: IndexError: list index out of range: mend it"),
        (OddSpec(fault="no module"), "builds .*: let build return a torch.nn.Module"),
        (
            OddSpec(fault="shape"),
            r"OddSpec at odd 8->8 s1 \+x @16x16 gives \(2, 8, 14, 14\) .*must be \(2, 8, 16, 16\)",
        ),
        (OddSpec(fault="dtype"), r"gives \(2, 8, 16, 16\) in torch.float64: it must be .* in torch.float32"),
        (OddSpec(fault="several"), "gives tuple: it must be"),
        (OddSpec(fault="in place"), "changes its input, which other candidates share: let it work on a copy"),
        (OddSpec(fault="forward"), "OddSpec.module fails: RuntimeError"),
        (OddSpec(fault="tied"), "OddSpec.module at odd .*, written to a file, fails: RuntimeError: .*share memory"),
        (OddSpec(fault="meta"), "OddSpec.module at odd .*, counted without weights, fails: RuntimeError"),
        (GrowingSpec(fault=""), "GrowingSpec is not the same after it was written to a file and read: give it fields"),
        (
            HoldingSpec(fault=""),
            "HoldingSpec cannot be written to a file and read: .*Unsupported type.*: give it",
        ),
    ],
    ids=str,
)
def test_what_would_fail_later_is_told_at_once(op: OwnOperation, message: str) -> None:
    space = _of_one(op)
    with pytest.raises(OperationError, match=message) as caught:
        check_operations(space)
    assert "\n" not in str(caught.value)


def test_what_cannot_even_stand_is_told_when_a_space_is_made() -> None:
    with pytest.raises(OperationError, match=r"OddSpec\.misfit fails: ZeroDivisionError"):
        _of_one(OddSpec(fault="misfit"))
    with pytest.raises(OperationError, match=r"OddSpec\.name must be a short text, got ''"):
        _of_one(OddSpec(fault="name"))


def test_what_is_right_passes_and_draws_nothing() -> None:
    state = torch.get_rng_state()
    check_operations(SPACE)
    check_operations(_of_one(OddSpec(fault="")))
    check_operations(SMALL)
    assert torch.equal(state, torch.get_rng_state())


def _of_one(op: OwnOperation) -> SearchSpace:
    stage = evolve(SMALL.stages[0], width=8, stride=1)
    head = evolve(SMALL.head, in_channels=8)
    return evolve(SMALL, stages=(stage,), head=head, candidates=(op, ZeroSpec()))
