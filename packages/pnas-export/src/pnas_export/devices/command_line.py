"""Commands given by the user, with a placeholder for the path of a file."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from pnas_export.ground.programs import DeviceError, Finished, run_program


def check_template(template: str) -> None:
    """Raises a DeviceError for a template that cannot be split into words, or has no place for the path of a file."""
    try:
        words = shlex.split(template)
    except ValueError as error:
        raise DeviceError(f"command {template!r} cannot be split: {str(error).lower()}") from None
    if not any("{model}" in word for word in words):
        raise DeviceError(f"command {template!r} lacks {{model}}", "write it where the path of the file is to stand")


def run_template(template: str, path: Path, *, threads: int, timeout_s: float) -> Finished:
    """Runs a command on a file.

    Args:
        template: the command, with {model} in place of the file's path and, optionally, {threads}. It is split as by a
            shell, but run without one. In a word that is itself a command line, as in
            `ssh board "cd x && bench {model}"`, the path is quoted for the shell that reads it there.
        path: of the file, which is also the standard input, so that the other end of an ssh can read it from there.
        threads: the value of {threads}.
        timeout_s: seconds after which it is aborted.

    Raises:
        DeviceError: for a program that cannot be started, or does not end.
    """
    values = {"{model}": str(path), "{threads}": str(threads)}
    command = [_filled(word, values) for word in shlex.split(template)]
    return run_program(command, timeout_s=timeout_s, source=path)


_FOR_A_SHELL = re.compile(r"""[\s"'`$&|;<>()\\]""")
_TOKEN = re.compile(r"\{model\}|\{threads\}|\\.|.", re.DOTALL)


def _filled(word: str, values: Mapping[str, str]) -> str:
    """A word of a template with its values, quoted as needed if another shell will read it."""
    if not _FOR_A_SHELL.search(word):
        return "".join(values.get(token, token) for token in _TOKEN.findall(word))
    quote, filled = "", []
    for token in _TOKEN.findall(word):
        filled.append(_quoted(values[token], quote) if token in values else token)
        end = token[-1] if quote == "'" else token  # a backslash is an ordinary character there
        if end in ("'", '"') and quote in ("", end):
            quote = "" if quote else end
    return "".join(filled)


def _quoted(value: str, quote: str) -> str:
    match quote:
        case "'":
            return value.replace("'", "'\"'\"'")
        case '"':
            return re.sub(r'([\\"$`])', r"\\\1", value)
    return shlex.quote(value)
