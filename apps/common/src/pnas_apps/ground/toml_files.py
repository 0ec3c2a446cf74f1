"""TOML files: the only reader of them. Imports nothing heavy, since `--help` needs it."""

import tomllib
from pathlib import Path

from pnas_apps.ground.errors import UserError

Document = dict[str, object]
"""What a TOML file holds: values, and sections of values, by their names."""


def read_toml(path: Path, *, way_out: str) -> Document:
    """What is in a TOML file.

    Raises:
        UserError: naming a file that is no TOML, with the way out.
    """
    try:
        document: Document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not a TOML file ({error}): {way_out}") from None
    return document
