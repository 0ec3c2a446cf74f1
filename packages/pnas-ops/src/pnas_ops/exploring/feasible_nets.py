"""The nets that a strategy may ask for."""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any

import torch
from attrs import frozen

from pnas_ops.data.choice_space import ChoiceSpace, random_choices
from pnas_ops.data.errors import PnasError
from pnas_ops.exploring.protocols import Choices

_DRAWS = 200
"""How many random nets are tried before other methods."""
_CHANGES = 50
"""How many changes of a net are tried before another net is taken."""
_MOST_BEGINNINGS = 50_000
"""How many beginnings of nets are visited to list all nets within the limits: less than a second where costs are sums.
"""


class ScarceNetsError(PnasError, ValueError):
    """Hardly any net of a space keeps the limits, and none was found that is not taken already."""


@frozen(kw_only=True, eq=False)
class FeasibleNets:
    """The nets of a space that keep some limits: to list, to draw at random, to find near others.

    Without limits these are all nets of the space. `pnas_latency.feasible_nets` makes them from limits on costs.

    Attributes:
        space: of blocks, trees, cells, whole networks, or of places in a user's own module.
        fits: whether the net of these choices keeps the limits.
        may_fit: whether a net with these first choices may keep them; False only if none does.
    """

    space: ChoiceSpace[Any]
    fits: Callable[[Choices], bool] = lambda choices: True
    may_fit: Callable[[Choices], bool] = lambda begun: True

    def every(self) -> Iterator[Choices]:
        """All of them, each once, lazily; the last choice's option changes fastest."""
        return (choices for choices in self._every() if choices is not None)

    def sample(self, generator: torch.Generator, *, taken: Collection[Choices] = ()) -> Choices | None:
        """A random net that is not taken; all are equally probable, unless very few nets keep the limits.

        Random nets are drawn until one keeps the limits. After 200 in vain, all nets that keep them are listed. If
        there are too many to visit, a net is chosen option by option among those that can still lead to one that keeps
        the limits; only such nets are not equally probable.

        Args:
            generator: on the CPU; the same state gives the same net.
            taken: nets to leave out.

        Returns:
            None where no net is left.

        Raises:
            ScarceNetsError: where none was found, though there may be one.
        """
        taken = frozenset(taken)
        for _ in range(_DRAWS):
            choices = self.space.sample_choices(generator)
            if choices not in taken and self.fits(choices):
                return choices
        if self._listed is not None:
            left = [choices for choices in self._listed if choices not in taken]
            return left[random_choices([len(left)], generator)[0]] if left else None
        for _ in range(_DRAWS):
            begun = self._completed(generator)
            if begun is not None and begun not in taken and self.fits(begun):
                return begun
        raise ScarceNetsError(
            f"hardly any net of {self.space!r} keeps the limits: none was found that was not asked for before",
            "loosen the limits, or end with fewer nets",
        )

    def sample_several(self, count: int, generator: torch.Generator) -> list[Choices]:
        """Up to `count` different random nets, as `sample` draws them; fewer if it finds no more.

        Args:
            count: how many at most.
            generator: on the CPU; the same state gives the same nets.
        """
        drawn = list[Choices]()
        with suppress(ScarceNetsError):
            while len(drawn) < count and (net := self.sample(generator, taken=frozenset(drawn))) is not None:
                drawn.append(net)
        return drawn

    def near(self, choices: Choices, generator: torch.Generator, *, taken: Collection[Choices] = ()) -> Choices | None:
        """A net that is not taken and differs from the given one in one or a few choices; else a random one.

        Each choice is changed with a probability of 1 / choices, by the space's own `mutate`, until a net is feasible.
        Returns and raises as `sample` does.

        Args:
            choices: of the given net.
            generator, taken: as `sample` takes them.
        """
        taken, net = frozenset(taken), self.space.architecture(choices)
        for _ in range(_CHANGES):
            changed = self.space.mutate(net, generator, probability=1 / len(choices))
            found = self.space.choices(changed)
            if found not in taken and found != choices and self.fits(found):
                return found
        return self.sample(generator, taken=taken)

    @cached_property
    def _listed(self) -> tuple[Choices, ...] | None:
        """All of them; None if listing would take too long."""
        found = []
        for number, choices in enumerate(self._every()):
            if choices is not None:
                found.append(choices)
            if number == _MOST_BEGINNINGS:
                return None
        return tuple(found)

    def _every(self) -> Iterator[Choices | None]:
        """An item for each visited beginning of a net: its choices if it is a complete, feasible net, else None."""
        options = self.space.options
        waiting: list[Choices] = [()]
        while waiting:
            begun = waiting.pop()
            if len(begun) < len(options):
                yield None
                following = [(*begun, option) for option in reversed(range(options[len(begun)]))]
                waiting += [one for one in following if self.may_fit(one)]
            # Several combinations may give the same net; the space's own one counts.
            elif self.fits(begun) and self.space.choices(self.space.architecture(begun)) == begun:
                yield begun
            else:
                yield None

    def _completed(self, generator: torch.Generator) -> Choices | None:
        """A net chosen option by option; None if that came to a dead end."""
        begun: Choices = ()
        for count in self.space.options:
            following = [(*begun, option) for option in range(count)]
            possible = [one for one in following if self.may_fit(one)]
            if not possible:
                return None
            begun = possible[random_choices([len(possible)], generator)[0]]
        return self.space.choices(self.space.architecture(begun))
