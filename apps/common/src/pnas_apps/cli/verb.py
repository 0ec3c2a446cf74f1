"""A command as all programs have it: options in groups, examples at the end. Imports nothing heavy, for `--help`."""

import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import click
import cloup

_WORDS = re.compile(r"(?<=\[default: )\(([^()]*)\)")


class Verb(cloup.Command):
    """A command whose help has examples.

    Args:
        examples: what may follow the command's name; tests parse them.
        options: as cloup has them.
    """

    def __init__(self, *args: Any, examples: Sequence[str], **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = tuple(examples)

    def make_option_group_help_section(self, group: cloup.OptionGroup, ctx: click.Context) -> cloup.HelpSection:
        """As cloup has it, with all defaults alike: click puts parentheses around those that are told in words."""
        rows = [(flags, _WORDS.sub(r"\1", text)) for flags, text in group.get_help_records(ctx)]
        return replace(super().make_option_group_help_section(group, ctx), definitions=rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As cloup has it, after the examples."""
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(_in_lines(f"{ctx.command_path} {example}", formatter.width) + "\n")
        super().format_epilog(ctx, formatter)


def verb(
    name: str | None = None, *, examples: Sequence[str], **options: Any
) -> Callable[[Callable[..., object]], Verb]:
    """A decorator that makes a `Verb` of a function."""
    return cloup.command(name, cls=Verb, examples=examples, **options)


def _in_lines(command: str, width: int) -> str:
    """The command as a shell takes it, in lines of at most `width` columns."""
    lines = textwrap.wrap(
        command,
        width - len(" \\"),
        initial_indent="  ",
        subsequent_indent="      ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return " \\\n".join(lines)
