"""What a space is called: by a name, or by the file that holds it. Imports nothing heavy."""

from pathlib import Path

from pnas_apps.ground.errors import UserError

SUFFIXES = (".json", ".toml")


def is_space_file(name: object) -> bool:
    """Whether that is the path of a space's file, and not a space's name."""
    return isinstance(name, str) and name.endswith(SUFFIXES)


def check_space_there(name: object) -> None:
    """Raises a UserError for the path of a file that is not there."""
    if is_space_file(name) and not Path(str(name)).is_file():
        raise UserError(f"there is no file {name}: name a space's file, such as one that the command space prints")
