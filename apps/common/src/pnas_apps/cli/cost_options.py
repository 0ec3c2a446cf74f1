"""The user's own costs on a command line: a column of the table, and the command that fills it."""

import re
import shlex
import shutil
from collections.abc import Sequence

import click

from pnas_apps.cli.option_types import COUNT
from pnas_apps.ground.errors import UserError

_NAME = r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)+"
_FLAGS = {
    "latency_ms": "--target-latency-ms",
    "weight_bytes": "--max-weight-bytes",
    "activation_bytes": "--max-activation-bytes",
    "peak_activation_bytes": "--max-activation-bytes",
    "file_bytes": "--max-file-bytes",
}

METRIC = click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME_UNIT=COMMAND",
    show_default="none",
    help="Fill a column of the table with a command that prints its value for one inference of the file {model}: "
    "'energy_mj=meter {model}'.",
)
MAX = click.option(
    "--max",
    "maxima",
    multiple=True,
    metavar="NAME_UNIT=NUMBER",
    show_default="none",
    help="A limit on a column of the table: energy_mj=3.5. --metric measures a column that it lacks.",
)


def read_maxima(texts: Sequence[str]) -> dict[str, float]:
    """The limits of `--max` by the names of their columns.

    Raises:
        UserError: naming what is no such limit.
    """
    return {name: COUNT.read(text, f"--max {name}") for name, text in _pairs(texts, "--max").items()}


def read_metrics(texts: Sequence[str]) -> dict[str, str]:
    """The commands of `--metric` by the names of their columns.

    Raises:
        UserError: naming what is no such command, or has a program that is not here.
    """
    found = _pairs(texts, "--metric")
    for name, command in found.items():
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UserError(f"--metric {name}: {command!r} cannot be split: {str(error).lower()}") from None
        if not any("{model}" in word for word in words):
            raise UserError(f"--metric {name}: {command!r} lacks {{model}}: write it where the file's path belongs")
        if shutil.which(words[0]) is None:
            raise UserError(f"--metric {name}: there is no program {words[0]!r} here: name another")
    return found


def check_needed(maxima: dict[str, float], metrics: dict[str, str]) -> None:
    """Raises a UserError for a command whose column nothing asks for."""
    for name in metrics.keys() - maxima.keys():
        raise UserError(f"--metric {name} has no effect without a limit: add --max {name}=NUMBER, or leave it out")


def _pairs(texts: Sequence[str], flag: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not re.fullmatch(_NAME, name):
            raise UserError(f"{flag} {text}: write a name that ends in its unit, then its value: energy_mj=...")
        if name in _FLAGS:
            raise UserError(f"{flag} {text}: that is {_FLAGS[name]}")
        if found.setdefault(name, value) is not value:
            raise UserError(f"{flag} names {name} twice: leave one of them out")
    return found
