"""A supernet that proposes nets to judge: trained once, then asked for those that it takes for the best."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Generic

import torch
from attrs import define, field
from torch import Tensor

from pnas_ops import Batches, Choices, Range, Trial
from pnas_supernet.gates.mixed_op import mixed_ops
from pnas_supernet.gates.supernet import HasNets, Net
from pnas_supernet.running.proxyless_nas import ProxylessNAS


@define(kw_only=True, eq=False)
class SupernetStrategy(Generic[Net]):
    """A `pnas_ops.Strategy`: the first `ask` searches, and from then on each gives the next best net of the supernet.

    What it is told changes nothing: the supernet has seen all that it will see. A checkpoint is taken up at once.

    Attributes:
        supernet: that `search` trains.
        search: by any gate; one that has begun goes on.
        train, validation: the batches of an epoch for weights and architecture, by its number, counted from 0.
        ranked: from the probabilities of each choice's options to nets within the limits, the best first, such as
            `pnas_latency.most_probable_within_budget`, or, of "one-shot", nets in the order of their inherited
            accuracy. One that comes again is passed over, since it is taken by then.
        passes: over all training images, that the search and `ranked` amount to.
        checkpoint: kept after each epoch, so that a search that was killed goes on; None for none.
        shown: around the search; what the `with` statement gives is called after each of its steps.
    """

    supernet: HasNets[Net]
    search: ProxylessNAS
    train: Callable[[int], Batches]
    validation: Callable[[int], Batches]
    ranked: Callable[[Sequence[Tensor]], Iterable[Net]]
    passes: float = field(validator=Range(0.0, 1e9))
    checkpoint: Path | None = None
    shown: Callable[[], AbstractContextManager[Callable[[], None] | None]] = nullcontext
    _nets: Iterator[Net] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        if self.checkpoint is not None and not self.search.history:
            self.search.resume(self.checkpoint)

    @property
    def epochs(self) -> float:
        """Passes over the training images that asking has taken: `passes` once the search is over, 0 before.

        So a search that was killed counts wholly for the `ask` that ends it, and one that has ended before, of which
        there is a checkpoint, for none.
        """
        return 0.0 if self.search.epochs_left else self.passes

    def ask(self, generator: torch.Generator, *, taken: Collection[Choices] = ()) -> Choices | None:
        """The best net that is left; the first time after the search, which draws from a generator of its own.

        Raises:
            DivergenceError: as the search raises it.
        """
        if self._nets is None:
            self._search()
            probs = [op.probs.detach() for op in mixed_ops(self.supernet.network)]
            self._nets = iter(self.ranked(self.supernet.space.of_choices(probs)))
        choices = map(self.supernet.space.choices, self._nets)
        return next((found for found in choices if found not in taken), None)

    def tell(self, trial: Trial) -> None:
        """Ignores it."""

    def _search(self) -> None:
        if not self.search.epochs_left:
            return
        with self.shown() as on_step:
            while self.search.epochs_left:
                epoch = len(self.search.history)
                self.search.run_epoch(self.train(epoch), self.validation(epoch), on_step=on_step)
                if self.checkpoint is not None:
                    self.search.save(self.checkpoint)
