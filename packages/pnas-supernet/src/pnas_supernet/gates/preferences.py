"""The most probable candidates of a supernet, for the Python prompt and notebooks."""

from collections.abc import Sequence

from pnas_ops import Space, html_table

Preference = tuple[str, str, str]
"""A choice: its number or path, its most probable candidate with the probability, the others in order."""


def preferences(space: Space, probs: Sequence[Sequence[float]]) -> list[Preference]:
    """A row for every choice of a space.

    Args:
        space: whose options are named.
        probs: of the options of every choice.
    """
    rows = zip(space.option_names, probs, strict=True)
    return [ranked(f"{number}", texts, of) for number, (texts, of) in enumerate(rows)]


def ranked(position: str, candidates: Sequence[str], probs: Sequence[float]) -> Preference:
    """The row of a position, with its candidates in descending order of probability."""
    pairs = sorted(zip(probs, candidates, strict=True), key=lambda pair: -pair[0])
    best, *others = (f"{name} {prob:.1%}" for prob, name in pairs)
    return position, best, ", ".join(others)


def preferences_as_lines(title: str, rows: Sequence[Preference]) -> str:
    """The title, and a line for every position with its most probable candidate."""
    return "\n".join([title, *(f"  {number:>3}  {best}" for number, best, _ in rows)])


def preferences_as_html(title: str, rows: Sequence[Preference]) -> str:
    """The same for a notebook, with all candidates."""
    return html_table(title, ("position", "most probable", "others"), rows)
