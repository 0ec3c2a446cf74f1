"""Search spaces in files, where people write their own."""

from pathlib import Path

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.toml_files import read_toml
from pnas_apps.run.space_names import check_space_there
from pnas_ops import FormatError, Space, UnknownOperationError, check_operations, load_space, space_from_dict, workloads


def read_space_file(path: Path) -> Space:
    """The space in a JSON file, as the verb `space` prints one, or in a TOML file of the same fields.

    Someone's own operations that it names are tried at every place where they can stand.

    Raises:
        UserError, OperationError: for anything that the user can fix, before anything takes long.
    """
    check_space_there(str(path))
    try:
        if path.suffix == ".toml":
            document = read_toml(path, way_out="fix it, or start from what the command space prints")
            space = _read(document, path)
        else:
            space = load_space(path)
        workloads(space)
    except UnknownOperationError as error:
        raise UserError(
            f"{error.what}: give the file that defines them with --ops, or install the package that has them"
        ) from None
    except FormatError as error:
        raise UserError(f"{error.what}: fix it, or start from what the command space prints") from None
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    check_operations(space)
    return space


def _read(document: object, path: Path) -> Space:
    try:
        return space_from_dict(document)
    except FormatError as error:
        raise type(error)(f"{path}: {error.what}", error.way_out) from None
