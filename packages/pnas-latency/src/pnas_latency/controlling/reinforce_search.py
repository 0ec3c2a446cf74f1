"""Reinforcement learning as a strategy."""

from collections.abc import Collection

import torch
from attrs import define, field

from pnas_latency.controlling.controller import RecurrentController
from pnas_latency.objectives.reinforce import MovingBaseline, reinforce_loss
from pnas_ops import Choices, PlainStrategy, Range, Trial

_DRAWS = 20


@define(kw_only=True, eq=False)
class ReinforceSearch(PlainStrategy):
    """A recurrent controller proposes nets; their rewards make it propose more nets, or fewer, that resemble them.

    Each told net is a step of Adam on `reinforce_loss` with a `MovingBaseline` that starts at the first reward. The
    learning rate is that of NAS-Bench-201 (arXiv 2001.00326).

    Attributes:
        seed: of the controller's initial weights.
        lr: learning rate of Adam.
        hidden: hidden features of the controller.

    References:
        Zoph and Le, "Neural Architecture Search with Reinforcement Learning", arXiv 1611.01578.
    """

    seed: int = 0
    lr: float = field(default=0.01, validator=Range(0.0, 1.0, above=True))
    hidden: int = field(default=64, validator=Range(1, 10**5, whole=True))
    controller: RecurrentController = field(init=False)
    _optimizer: torch.optim.Optimizer = field(init=False)
    _baseline: MovingBaseline = field(init=False, factory=MovingBaseline)

    def __attrs_post_init__(self) -> None:
        generator = torch.Generator().manual_seed(self.seed)
        self.controller = RecurrentController(self.nets.space.options, hidden=self.hidden, generator=generator)
        self._optimizer = torch.optim.Adam(self.controller.parameters(), lr=self.lr)

    def ask(self, generator: torch.Generator, *, taken: Collection[Choices] = ()) -> Choices | None:
        """A net that the controller proposes; once it proposes nothing new, one near its proposals, or any net."""
        taken, space = frozenset(taken), self.nets.space
        last: Choices | None = None
        for _ in range(_DRAWS):
            drawn = self.controller.sample(generator, self.nets.may_fit)
            if drawn is None or not self.nets.fits(drawn):
                continue
            last = space.choices(space.architecture(drawn))
            if last not in taken:
                return last
        if last is None:
            return self.nets.sample(generator, taken=taken)
        return self.nets.near(last, generator, taken=taken)

    def tell(self, trial: Trial) -> None:
        """One training step of the controller."""
        rewards = torch.tensor([trial.value])
        if self._baseline.value is None:
            # The first advantage would be the whole value, and Adam would scale down all later ones beside it.
            self._baseline.step(rewards)
            return
        baselines = self._baseline.step(rewards)
        log_probs = self.controller.log_prob(trial.choices, self.nets.may_fit)[None]
        self._optimizer.zero_grad()
        reinforce_loss(log_probs, rewards, baselines).backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
