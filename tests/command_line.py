"""Programs as their users run them."""

import re

from click.testing import Result


def assert_refused(result: Result, message: str) -> None:
    """One line, on stderr, that matches; exit code 1."""
    assert result.exit_code == 1, result.output
    assert re.search(message, result.stderr), result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
