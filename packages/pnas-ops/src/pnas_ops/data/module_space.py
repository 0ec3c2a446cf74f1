"""Spaces of user-defined nets: any module, some places of which may change, as plain data."""

from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256

from attrs import evolve, field, frozen
from attrs.validators import ge, instance_of, min_len

from pnas_ops.data.choice_space import ChoiceSpace, foreign_net
from pnas_ops.data.html_table import html_table
from pnas_ops.data.listings import counted, listing, shortened
from pnas_ops.data.ranges import POSITIVE_INTEGER

Shape = tuple[int, ...]

_COUNT = [instance_of(int), ge(0)]


@frozen(kw_only=True, repr=False)
class ModuleWorkload:
    """What a module computes for inputs of these shapes: equal operators on equal shapes are equal workloads.

    Attributes:
        title: a readable name: "original", "5x5"; workloads that differ only in it are equal.
        operators: those that a forward pass ran, in order, each with its shapes and options; empty if it computes
            nothing.
        input_shapes: of the module's inputs in order, batch included.
        dtype: of its inputs: "float32".
        macs: multiply-accumulates, as `count_macs` counts them.
        parameters: trainable values.
        kernel_size: of its largest convolution; 1 where it has none.
    """

    title: str = field(eq=False)
    operators: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    dtype: str = "float32"
    macs: int = field(default=0, validator=_COUNT)
    parameters: int = field(default=0, validator=_COUNT)
    kernel_size: int = field(default=1, validator=POSITIVE_INTEGER)

    @property
    def computes_nothing(self) -> bool:
        """Whether it returns its input, or zeros, so that it costs nothing on any device."""
        return not self.operators

    @cached_property
    def name(self) -> str:
        """A unique name for files, tables and messages: "5x5 @1x16x56x56 #1f0c53a9"."""
        content = repr((self.operators, self.input_shapes, self.dtype))
        shapes = " ".join("x".join(map(str, shape)) for shape in self.input_shapes)
        return f"{shortened(self.title)} @{shapes} #{sha256(content.encode()).hexdigest()[:8]}"

    def __repr__(self) -> str:
        return f"<ModuleWorkload {self.name}: {counted(len(self.operators), 'operator')}, {self.macs} MACs>"

    def __str__(self) -> str:
        return self.name


@frozen(kw_only=True, repr=False)
class Place:
    """Where a net may change.

    Attributes:
        path: of the module at this place, as `nn.Module.get_submodule` takes it: "features.3.conv".
        candidates: what may be there, the present module first; their titles differ.
    """

    path: str
    candidates: tuple[ModuleWorkload, ...] = field(validator=min_len(1))

    def __attrs_post_init__(self) -> None:
        titles = [candidate.title for candidate in self.candidates]
        if len(set(titles)) != len(titles):
            raise ValueError(f"place {self.path!r} names a candidate twice: {', '.join(titles)}")

    def __repr__(self) -> str:
        return f"<Place {self.path!r}: one of {shortened(', '.join(one.title for one in self.candidates), 100)}>"


@frozen(kw_only=True, repr=False)
class ModuleArchitecture:
    """A net of a `ModuleSpace`.

    Attributes:
        name: of the net.
        rest: all but its places.
        places: each with a single candidate, the one that was chosen.
    """

    name: str
    rest: ModuleWorkload
    places: tuple[Place, ...] = field(validator=min_len(1))

    @places.validator
    def _one_each(self, _: object, places: tuple[Place, ...]) -> None:
        for place in places:
            if len(place.candidates) != 1:
                raise ValueError(f"place {place.path!r} of a net has one candidate, got {len(place.candidates)}")

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        """The shapes of the net's inputs, batch included."""
        return self.rest.input_shapes

    def __repr__(self) -> str:
        return f"<ModuleArchitecture {shortened(self.name)!r}: {counted(len(self.places), 'place')}>"

    def __str__(self) -> str:
        return listing(repr(self)[1:-1], [(place.path, place.candidates[0].title) for place in self.places])

    def _repr_html_(self) -> str:
        rows = [[place.path, place.candidates[0].title] for place in self.places]
        return html_table(repr(self)[1:-1], ["place", "module"], rows)


@frozen(kw_only=True, repr=False)
class ModuleSpace(ChoiceSpace[ModuleArchitecture]):
    """All nets that a module becomes with one candidate at each of its places.

    What is between the places is one workload, `rest`: a runtime fuses across any cut, so parts timed alone would not
    add up. Its cost is that of the net of the `lightest` candidates, less the cost of these candidates.

    Attributes:
        name: of the space, and of its nets that are given none.
        rest: all but the places.
        places: in the order in which the net holds its modules, as `named_modules` gives them.
    """

    name: str
    rest: ModuleWorkload
    places: tuple[Place, ...] = field(validator=min_len(1))

    def __attrs_post_init__(self) -> None:
        paths = [place.path for place in self.places]
        if len(set(paths)) != len(paths):
            raise ValueError(f"space {self.name!r} names a place twice: {', '.join(paths)}")

    @property
    def mixed(self) -> tuple[tuple[ModuleWorkload, ...], ...]:
        """The candidates of each place."""
        return tuple(place.candidates for place in self.places)

    @property
    def options(self) -> tuple[int, ...]:
        """How many candidates each place has."""
        return tuple(map(len, self.mixed))

    @property
    def searched(self) -> tuple[int, ...]:
        """Which rows of `workloads` are searched: all but the rest."""
        return tuple(range(1, len(self.places) + 1))

    @property
    def of_whole_blocks(self) -> bool:
        """False: what else is in memory while a place runs is not known."""
        return False

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        """The shapes of the net's inputs, batch included."""
        return self.rest.input_shapes

    @property
    def lightest(self) -> ModuleArchitecture:
        """The net with the candidate of fewest MACs at every place; among equal ones, that of fewest parameters."""
        work = [[(one.macs, one.parameters) for one in row] for row in self.mixed]
        return self.architecture([row.index(min(row)) for row in work], name="lightest")

    @property
    def original(self) -> ModuleArchitecture:
        """The net as it was."""
        return self.architecture([0] * len(self.places), name="original")

    def architecture(self, choices: Sequence[int], *, name: str = "") -> ModuleArchitecture:
        """The net that takes candidate `choices[i]` at place i.

        Raises:
            ValueError: for a wrong number of choices, or a candidate that does not exist.
        """
        if len(choices) != len(self.places):
            raise ValueError(f"space {self.name!r} has {len(self.places)} places, got {len(choices)} choices")
        for place, choice in zip(self.places, choices, strict=True):
            if not 0 <= choice < len(place.candidates):
                raise ValueError(f"place {place.path!r} has candidates 0 to {len(place.candidates) - 1}, got {choice}")
        chosen = (evolve(p, candidates=(p.candidates[i],)) for p, i in zip(self.places, choices, strict=True))
        return ModuleArchitecture(name=name or self.name, rest=self.rest, places=tuple(chosen))

    def choices(self, architecture: object) -> tuple[int, ...]:
        """The inverse of `architecture`.

        Raises:
            ValueError: for anything but a net of this space.
        """
        if not isinstance(architecture, ModuleArchitecture):
            raise foreign_net(architecture, self.name)
        paths = [place.path for place in architecture.places]
        if architecture.rest != self.rest or paths != [place.path for place in self.places]:
            raise foreign_net(architecture, self.name)
        found: list[int] = []
        for mine, theirs in zip(self.places, architecture.places, strict=True):
            (taken,) = theirs.candidates
            # Titles do not count for equality, but distinguish candidates of equal work.
            same = [i for i, one in enumerate(mine.candidates) if one == taken and one.title == taken.title]
            if not same:
                raise ValueError(f"{taken} at {mine.path!r} of {architecture.name!r} is not in space {self.name!r}")
            found += same
        return tuple(found)

    def __repr__(self) -> str:
        return f"<ModuleSpace {shortened(self.name)!r}: {counted(len(self.places), 'place')}, {self._size_text()}>"

    def __str__(self) -> str:
        return listing(repr(self)[1:-1], self._rows())

    def _repr_html_(self) -> str:
        return html_table(repr(self)[1:-1], ["place", "one of"], self._rows())

    def _rows(self) -> list[tuple[str, str]]:
        return [(place.path, " ".join(one.title for one in place.candidates)) for place in self.places]
