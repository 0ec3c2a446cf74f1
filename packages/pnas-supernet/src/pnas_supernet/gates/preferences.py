"""What a supernet holds for probable, for people at a prompt and in notebooks."""

from collections.abc import Sequence

from pnas_ops import Space, html_table

Preference = tuple[str, str, str]
"""Of a searched position: its number or path, its most probable candidate with the probability, the others in order."""


def preferences(space: Space, probs: Sequence[Sequence[float]]) -> list[Preference]:
    """A row for every searched position of a space.

    Args:
        space: whose candidates are named.
        probs: of the candidates of every position.
    """
    rows = zip(space.mixed, probs, strict=True)
    return [ranked(f"{number}", [str(block.op) for block in row], of) for number, (row, of) in enumerate(rows)]


def ranked(position: str, candidates: Sequence[str], probs: Sequence[float]) -> Preference:
    """The row of a position, with its candidates from the most probable on."""
    pairs = sorted(zip(probs, candidates, strict=True), key=lambda pair: -pair[0])
    best, *others = (f"{name} {prob:.1%}" for prob, name in pairs)
    return position, best, ", ".join(others)


def preferences_as_lines(title: str, rows: Sequence[Preference]) -> str:
    """The title, and a line for every position with its most probable candidate."""
    return "\n".join([title, *(f"  {number:>3}  {best}" for number, best, _ in rows)])


def preferences_as_html(title: str, rows: Sequence[Preference]) -> str:
    """The same for a notebook, with all candidates."""
    return html_table(title, ("position", "most probable", "others"), rows)
