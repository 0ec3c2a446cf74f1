"""A recurrent net that generates a net choice by choice."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from pnas_ops import Choices

MayFit = Callable[[Choices], bool]
"""Whether a net with these first choices may keep the limits."""

_TEMPERATURE, _LARGEST_LOGIT = 5.0, 2.5
_LARGEST_WEIGHT = 0.1


class RecurrentController(nn.Module):
    """log p(c) = sum_i log p(c_i | c_1, ..., c_{i-1}): an LSTM reads each choice and predicts the next.

    Options after which no net keeps the limits have probability 0. Logits are 2.5 tanh(x / 5), as in ENAS
    (arXiv 1802.03268), so that no other option is ruled out for good.

    Args:
        options: how many each choice has, (choices,).
        hidden: hidden features of the LSTM.
        generator: for the initial weights, uniform from -0.1 to 0.1.

    References:
        Zoph and Le, "Neural Architecture Search with Reinforcement Learning", arXiv 1611.01578.
    """

    def __init__(self, options: Sequence[int], *, hidden: int = 64, generator: torch.Generator) -> None:
        super().__init__()
        self.options = tuple(options)

        def weights(*sizes: int) -> nn.Parameter:
            # Not nn.LSTMCell and nn.Linear, which draw from PyTorch's global generator.
            return nn.Parameter(torch.empty(sizes).uniform_(-_LARGEST_WEIGHT, _LARGEST_WEIGHT, generator=generator))

        self.cell = nn.ParameterList([weights(4 * hidden, hidden), weights(4 * hidden, hidden)])
        self.cell += [weights(4 * hidden), weights(4 * hidden)]
        self.start = weights(1, hidden)
        self.read = nn.ParameterList([weights(count, hidden) for count in self.options[:-1]])
        self.write = nn.ParameterList([weights(hidden, count) for count in self.options])

    def log_prob(self, choices: Choices, may_fit: MayFit = lambda begun: True) -> Tensor:
        """The log-probability of a net, a scalar; minus infinity where the limits exclude it."""
        return self._walk(may_fit, lambda number, log_probs: choices[number])[1]

    def sample(self, generator: torch.Generator, may_fit: MayFit = lambda begun: True) -> Choices | None:
        """A net drawn with these probabilities; None where the choices came to a dead end.

        Args:
            generator: on the CPU; the same state gives the same net.
            may_fit: whether a net with these first choices may keep the limits.
        """

        def draw(number: int, log_probs: Tensor) -> int:
            return int(log_probs.exp().multinomial(1, generator=generator))

        with torch.no_grad():
            return self._walk(may_fit, draw)[0]

    def _walk(self, may_fit: MayFit, take: Callable[[int, Tensor], int]) -> tuple[Choices | None, Tensor]:
        """The options taken, choice by choice, and their joint log-probability."""
        begun: Choices = ()
        total = self.start.new_zeros(())
        read: Tensor = self.start
        state = (torch.zeros_like(read), torch.zeros_like(read))
        for number, count in enumerate(self.options):
            state = torch.lstm_cell(read, state, *self.cell)
            logits = _LARGEST_LOGIT * torch.tanh((state[0] @ self.write[number])[0] / _TEMPERATURE)
            closed = torch.tensor([not may_fit((*begun, option)) for option in range(count)])
            if closed.all():
                return None, total - torch.inf
            log_probs = logits.masked_fill(closed, -torch.inf).log_softmax(0)
            taken = take(number, log_probs)
            total = total + log_probs[taken]
            if closed[taken]:
                return None, total
            begun = (*begun, taken)
            if number < len(self.read):
                read = self.read[number][taken][None]
        return begun, total
