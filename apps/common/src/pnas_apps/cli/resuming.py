"""Whether a command that was interrupted resumes. Imports nothing heavy, since command lines use it."""

from pathlib import Path

import click

_SAVED = "pnas_apps.saved"


def resumes_from(path: Path) -> None:
    """Says that the running command, given again, resumes from a file, as soon as that is there."""
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta[_SAVED] = path


def can_resume(context: click.Context) -> bool:
    """Whether anything is there that the command would resume from."""
    path = context.meta.get(_SAVED)
    return path is not None and path.exists()
