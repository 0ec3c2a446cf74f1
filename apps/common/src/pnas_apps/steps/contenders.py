"""Which nets a run compares the one that it found with."""

from collections.abc import Collection
from functools import partial

from attrs import evolve, frozen

from pnas_apps.run.run import Run
from pnas_apps.run.verdict import SAME_LATENCY, Contender, apart
from pnas_apps.steps.hand_made_nets import fitted, measured_nets
from pnas_apps.steps.reference_nets import biggest, fastest
from pnas_apps.steps.table import Tabled
from pnas_latency import LatencyTable, NearCost
from pnas_ops import Architecture, BlockSpec, Choices, IdentitySpec, ZeroSpec, load_json

_WIDEST = 1.0
"""How far off the latency of a random net may be at most, as a share of the searched one's."""


@frozen(kw_only=True)
class Contenders:
    """The nets that a run compares, the one that was searched first.

    Attributes:
        nets: all of them.
        left_out: a line for each hand-made net that cannot be compared.
    """

    nets: tuple[Contender, ...]
    left_out: tuple[str, ...] = ()

    @property
    def searched(self) -> Contender:
        """The net that was found."""
        return self.nets[0]

    @property
    def random(self) -> tuple[Contender, ...]:
        """The random nets, in the order in which they were drawn."""
        return tuple(net for net in self.nets if net.kind == "random")

    def first(self, count: int) -> "Contenders":
        """The searched net, so many of the random ones, and the others."""
        searched, *others = (net for net in self.nets if net.kind != "random")
        return evolve(self, nets=(searched, *self.random[:count], *others))

    def remarks(self, count: int) -> tuple[str, ...]:
        """Lines about nets that were requested and could not be found: random ones of the same latency, hand-made ones.

        Args:
            count: of random nets that were requested.
        """
        far = [off for net in self.random if (off := apart(net, self.searched)) > SAME_LATENCY]
        near = len(self.random) - len(far)
        if near == count:
            return self.left_out
        found = f"only {near} of {count} random nets are within {SAME_LATENCY:.0%} of the searched one's latency"
        if far:
            found += f": {len(far)} more, up to {max(far):.1%} off, {'was' if len(far) == 1 else 'were'} taken"
        if lacking := count - len(self.random):
            found += f"; {lacking} more {'was' if lacking == 1 else 'were'} not found"
        return (found, *self.left_out)


def contenders(run: Run, tabled: Tabled, searched: Architecture, count: int) -> Contenders:
    """The nets of an interrupted comparison, and so many random ones; all are in the run's folder then.

    A random net is drawn uniformly from all of the space whose predicted latency is within 2% of the searched one's;
    where there are too few, from those within 4%, 8% and so on. Those that were drawn before stay the first ones.

    Args:
        run: whose space, budget and seed these are.
        tabled: predicts and measures.
        searched: the net that was found.
        count: of random nets.
    """
    path = run.folder.contenders
    kept = run.kept(path, partial(load_json, cls=Contenders))
    found = kept if kept is not None and kept.searched.architecture == searched else _begun(run, tabled, searched)
    if len(found.random) < count:
        more = random_contenders(
            run,
            tabled.table,
            tabled.table.predict_ms(searched),
            numbers=range(len(found.random) + 1, count + 1),
            apart_from={run.task.space.choices(net.architecture) for net in (found.searched, *found.random)},
        )
        found = evolve(found, nets=(*found.nets, *more))
    if found != kept:
        run.folder.files.save(found, path)
    return found


def _begun(run: Run, tabled: Tabled, searched: Architecture) -> Contenders:
    """All but the random ones, measured where the table's device is here."""
    space, table = run.task.space, tabled.table
    nets = [
        Contender(architecture=searched, kind="searched"),
        Contender(architecture=fastest(space, table), kind="fastest"),
        Contender(architecture=biggest(space), kind="biggest"),
    ]
    measured = measured_nets(run, tabled, [net.architecture for net in nets])
    ours = [
        evolve(net, predicted_ms=table.predict_ms(net.architecture)).measured(measured.get(net.architecture))
        for net in nets
    ]
    hand_made, left_out = fitted(run, tabled, ours[0].measured_ms)
    return Contenders(nets=(*ours, *hand_made), left_out=left_out)


def random_contenders(
    run: Run, table: LatencyTable, target_ms: float, *, numbers: range, apart_from: Collection[Choices] = ()
) -> list[Contender]:
    """Random nets of about one predicted latency, see `contenders`; fewer where there are no more.

    Each is another network than all others and those of `apart_from`: nets that differ in which block of a stage they
    skip are the same one.

    Args:
        run: whose space and seed these are.
        table: predicts.
        target_ms: what they are to take.
        numbers: which of them; each draws on its own.
        apart_from: choices of nets that are not to be drawn.
    """
    space, taken = run.task.space, set(apart_from)
    networks = {without_skips(space.architecture(choices)) for choices in taken}
    found: list[Contender] = []
    tolerance = SAME_LATENCY
    near = NearCost(space, table.metric(), target_ms, tolerance=tolerance)
    while len(found) < len(numbers):
        number = numbers[len(found)]
        net = near.draw(run.generator("random net", number), apart_from=taken)
        if net is not None:
            architecture = evolve(net, name=f"random-{number}")
            assert isinstance(architecture, Architecture)
            taken.add(space.choices(architecture))
            if without_skips(architecture) in networks:
                continue
            networks.add(without_skips(architecture))
            predicted_ms = table.predict_ms(architecture)
            found.append(Contender(architecture=architecture, kind="random", predicted_ms=predicted_ms))
        elif tolerance < _WIDEST:
            tolerance = min(2 * tolerance, _WIDEST)
            near = NearCost(space, table.metric(), target_ms, tolerance=tolerance)
        else:
            break
    return found


def without_skips(net: Architecture) -> tuple[BlockSpec, ...]:
    """The blocks of a net that do something: all but those which give their input."""
    return tuple(block for block in net.blocks if not _gives_its_input(block))


def _gives_its_input(block: BlockSpec) -> bool:
    return isinstance(block.op, ZeroSpec if block.residual else IdentitySpec)
