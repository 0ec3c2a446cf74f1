"""The candidates of a network, recorded."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Self

import torch
from torch import nn

from pnas_supernet.gates.mixed_op import MixedOp, mixed_ops
from pnas_supernet.replaying.recording import StaticTensors
from pnas_supernet.replaying.replayed import Place, Recorder, ReplayedCandidate
from pnas_supernet.replaying.tapes import GraphTape, Rehearsal, Tape


class RecordedCandidates:
    """Runs the candidates of a network from CUDA graphs; otherwise small nets on a GPU wait for Python and launches.

        with RecordedCandidates(network):
            weight_step(network, ...)

    Every candidate is recorded when it is first run, forward and backward pass separately, and replayed from then on.
    Results are those of running it, up to rounding. The recordings of one place share memory, since only one of its
    candidates runs at a time; gradients of weights stay valid until the next backward pass of their candidate. What
    cannot be recorded is run: see `eager`. After an error in the block all recordings are dropped, with their memory.

    Modules, parameters and hooks are those that the candidates have when the block is entered. What a candidate keeps
    in Python, such as a counter, stays as it was when recorded. Gradients are available only by `backward`, not by
    `torch.autograd.grad`, and do not reach hooks of autograd nodes, such as DistributedDataParallel's.

    Args:
        network: any module that holds `MixedOp`s.
        tape: records; by default CUDA graphs on the network's GPU or, on a CPU, an equivalent without graphs.
    """

    def __init__(self, network: nn.Module, *, tape: Tape | None = None) -> None:
        self._network = network
        self._device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
        if tape is None:
            tape = GraphTape(self._device) if self._device.type == "cuda" else Rehearsal()
        self._tape = tape
        self._eager: dict[nn.Module, str] = {}
        self._recorder: Recorder | None = None
        self._stand_ins: dict[MixedOp, Sequence[ReplayedCandidate]] = {}

    @property
    def eager(self) -> Mapping[nn.Module, str]:
        """The candidates that are not recorded, and why."""
        return MappingProxyType(self._eager)

    def __enter__(self) -> Self:
        if self._recorder is None:
            self._recorder = Recorder(self._tape, StaticTensors(torch.empty(0), self._tape.pool()), self._eager)
        for op in mixed_ops(self._network):
            candidates = list(op.candidates)
            known = self._stand_ins.get(op, ())
            if [one.candidate for one in known] != candidates or not all(one.suits(op.alpha) for one in known):
                self._stand_ins[op] = self._of(op, self._recorder)
            for stand_in in self._stand_ins[op]:
                stand_in.look_again()
            op._stand_ins = self._stand_ins[op]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for op in self._stand_ins:
            op._stand_ins = None
        if error is not None:  # such as too little memory, which a smaller attempt then needs
            self._recorder = None
            self._stand_ins = {}

    def _of(self, op: MixedOp, recorder: Recorder) -> Sequence[ReplayedCandidate]:
        gates = torch.zeros_like(op.alpha, requires_grad=False)
        anchor = torch.empty(0, device=self._device, requires_grad=True)
        place = Place(recorder, StaticTensors(gates, self._tape.pool()), anchor)
        return [ReplayedCandidate(candidate, index, place) for index, candidate in enumerate(op.candidates)]
