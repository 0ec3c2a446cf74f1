"""Tables for notebooks."""

from collections.abc import Sequence
from html import escape


def html_table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]], *, below: str = "") -> str:
    """An HTML table of plain texts, which are escaped.

    Args:
        caption: above the table.
        headings: of the columns.
        rows: the lines, each with a text for each column.
        below: a line below it, if any.
    """
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
    foot = f"<p>{escape(below)}</p>" if below else ""
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{foot}"
    )
