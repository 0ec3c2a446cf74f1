"""Candidates that learn to give the output of the original at their place."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import inf, isfinite, sqrt
from typing import Any

import torch
from torch import Tensor, nn

from pnas_supernet.gates.mixed_op import active_paths, mixed_ops
from pnas_supernet.gates.modes import evaluating
from pnas_supernet.gates.path import SinglePath
from pnas_supernet.searching.readings import DivergenceError
from pnas_supernet.spaces.module_supernet import ModuleSuperNet


class Pupil:
    """A candidate that learns.

    Args:
        path: of its place.
        title: of the candidate.
        module: the candidate.
    """

    def __init__(self, path: str, title: str, module: nn.Module) -> None:
        self.path = path
        self.title = title
        self.module = module
        self._weights = list(module.parameters())
        self._optimizer: torch.optim.Optimizer | None = None
        self._first: dict[str, Tensor] = {}
        self._off = self._wanted = 0.0

    @property
    def may_learn(self) -> bool:
        """Whether it has weights."""
        return bool(self._weights)

    def learn(self, x: tuple[Tensor, ...], y: Tensor, lr: float) -> None:
        """One step of Adam towards the original's output `y` at the inputs `x`."""
        if self._optimizer is None:
            self._optimizer = torch.optim.Adam(self._weights)
            self._first = {name: value.clone() for name, value in self.module.state_dict().items()}
        with torch.enable_grad():
            off, wanted = squares(self.module(*x), y)
            if not wanted:  # no error can be relative to zeros
                return
            (off / wanted).backward()  # type: ignore[no-untyped-call]
        self._optimizer.param_groups[0]["lr"] = lr
        self._optimizer.step()
        self._optimizer.zero_grad()

    def settle(self, x: tuple[Tensor, ...], y: Tensor) -> None:
        """Runs the candidate on the inputs `x`, inside `taking_statistics`."""
        self.module(*x)

    def put_back(self) -> None:
        """Restores the state before it learned."""
        self.module.load_state_dict(self._first)

    def measure(self, x: tuple[Tensor, ...], y: Tensor) -> None:
        """Adds the error at `x` to what `take_error` returns."""
        off, wanted = squares(self.module(*x), y)
        self._off += float(off)
        self._wanted += float(wanted)

    def take_error(self) -> float:
        """The relative error over all measurements since the last call; inf if the original gave only zeros.

        Raises:
            DivergenceError: if it is not finite for any other reason.
        """
        off, wanted = self._off, self._wanted
        self._off = self._wanted = 0.0
        if wanted == 0 and isfinite(off):
            return inf if off else 0.0
        error = sqrt(off / wanted) if wanted else off
        if not isfinite(error):
            way_out = "lower the learning rate or look at the data"
            raise DivergenceError(f"the error of {self.title!r} at {self.path!r} is not finite", way_out)
        return error


def pupils_of(supernet: ModuleSuperNet) -> list[list[Pupil]]:
    """All candidates of each place but the original."""
    return [
        [
            Pupil(place.path, workload.title, module)
            for workload, module in zip(place.candidates[1:], list(op.candidates)[1:], strict=True)
        ]
        for place, op in zip(supernet.space.places, mixed_ops(supernet.network), strict=True)
    ]


def show_original(
    supernet: ModuleSuperNet,
    arguments: tuple[Any, ...],
    rows: Sequence[Sequence[Pupil]],
    visit: Callable[[Pupil, tuple[Tensor, ...], Tensor], None],
) -> None:
    """A forward pass of the original net in evaluation mode, without gradients.

    Args:
        supernet: of the net.
        arguments: of the net.
        rows: the pupils of each place.
        visit: called for each pupil while the pass is at its place, with the place's inputs and output.
    """

    def shown(row: Sequence[Pupil]) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def show(_: nn.Module, x: tuple[Tensor, ...], y: Tensor) -> None:
            for pupil in row:
                visit(pupil, x, y)

        return show

    ops = mixed_ops(supernet.network)
    handles = [op.register_forward_hook(shown(row)) for op, row in zip(ops, rows, strict=True)]
    try:
        with evaluating(supernet), active_paths(supernet.network, [SinglePath(0)] * len(ops)):
            supernet(*arguments)
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def thawed(pupils: Iterable[Pupil]) -> Iterator[None]:
    """In the `with` block the pupils' weights require gradients, even those copied from frozen ones."""
    frozen = [weight for pupil in pupils for weight in pupil.module.parameters() if not weight.requires_grad]
    try:
        for weight in frozen:
            weight.requires_grad_(True)
        yield
    finally:
        for weight in frozen:
            weight.requires_grad_(False)


def squares(given: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """|given - wanted|^2 and |wanted|^2, at least in float32."""
    wide = torch.promote_types(wanted.dtype, torch.float32)
    return (given.to(wide) - wanted.to(wide)).square().sum(), wanted.to(wide).square().sum()
