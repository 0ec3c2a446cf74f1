"""What is in memory, against the definition applied to each operator anew."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from pnas_ops import MemoryStep, alive_over_time


@st.composite
def programs(draw: DrawFn) -> tuple[list[MemoryStep], dict[str, int], set[str]]:
    """Operators that read results of earlier ones and inputs, some of them nobody's; a few results stay."""
    sizes = st.integers(1, 3)
    given = {name: draw(sizes) for name in ("x", "y")}
    keys, steps = [*given], []
    for number in range(draw(st.integers(0, 8))):
        reads = tuple(draw(st.lists(st.sampled_from(keys), max_size=3, unique=True)))
        steps.append(MemoryStep(result=f"{number}", size=draw(sizes), reads=reads, in_place=draw(st.booleans())))
        keys.append(f"{number}")
    return steps, given, draw(st.sets(st.sampled_from(keys), max_size=2))


@given(programs())
def test_a_result_is_alive_from_its_operator_to_the_last_that_reads_it(
    program: tuple[list[MemoryStep], dict[str, int], set[str]],
) -> None:
    steps, inputs, kept = program
    sizes = inputs | {step.result: step.size for step in steps}

    def read_from(key: object, index: int) -> bool:
        return any(key in step.reads for step in steps[index:])

    expected = []
    for index, step in enumerate(steps):
        read_anywhere = {key for key in inputs if read_from(key, 0)}
        # An input that nobody reads is somebody else's, and stays.
        old = [*inputs, *(earlier.result for earlier in steps[:index])]
        held = {key for key in old if key in kept or read_from(key, index)} | (inputs.keys() - read_anywhere)
        free = {key for key in step.reads if key not in kept and not read_from(key, index + 1)}
        written_over = step.in_place and any(sizes[key] == step.size for key in free)
        expected.append({key: sizes[key] for key in (held if written_over else held | {step.result})})

    assert alive_over_time(steps, given=inputs, kept=kept) == tuple(expected)


def test_what_is_written_into_something_that_is_there_needs_nothing_more() -> None:
    steps = [
        MemoryStep(result="a", size=5, reads=("x",)),
        # Two of the five.
        MemoryStep(result="a", size=2, reads=("a",)),
        MemoryStep(result="b", size=1, reads=("a",)),
    ]
    moments = alive_over_time(steps, given={"x": 3}, kept=("b",))
    assert moments == ({"x": 3, "a": 5}, {"a": 5}, {"a": 5, "b": 1})
