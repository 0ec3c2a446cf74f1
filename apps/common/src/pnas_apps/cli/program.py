"""What the command-line programs have in common. Imports nothing heavy, since `--help` needs it."""

import os
import shlex
import signal
import sys
from typing import Any

import click

from pnas_apps.cli.app import App
from pnas_apps.cli.device_verbs import device_verbs
from pnas_apps.cli.explore_verb import explore_verb
from pnas_apps.cli.run_verbs import run_verbs
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.signals import TerminatedError, signals_raised
from pnas_apps.ground.terminal import open_closed_streams, printable

COMMAND = "pnas_apps.command"
"""The name of the command line in a context's `meta`."""

_READER_GONE = 141
"""What a shell says of a program that a closed pipe has ended."""


class Program(click.Group):
    """A group of commands that answers a user's mistake with one line on stderr and exit code 1, or 2 for an option.

    Args:
        goes_on: whether a command that was interrupted goes on where it was when it is given again.
        options: as click has them.
    """

    def __init__(self, *, goes_on: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self._goes_on = goes_on

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """As click has it, with the three streams open."""
        open_closed_streams()
        return super().main(*args, **kwargs)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """As click has it, with the whole command line in `meta`, as a shell takes it."""
        command = shlex.join([info_name or "", *args])
        context = super().make_context(info_name, args, parent, **extra)
        context.meta[COMMAND] = command
        return context

    def invoke(self, ctx: click.Context) -> object:
        try:
            with signals_raised():
                return super().invoke(ctx)
        except click.UsageError as error:
            if isinstance(error, click.exceptions.NoArgsIsHelpError):
                raise
            path = (error.ctx or ctx).command_path
            _fail(f"{error.format_message().rstrip('.')} (see {path} --help)", code=error.exit_code)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except UserError as error:
            _fail(str(error))
        except BrokenPipeError:
            # Python would complain about stdout once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.exit(_READER_GONE)
        except IsADirectoryError as error:
            _fail(f"{error.filename2 or error.filename} is a folder, where a file is to be: move it, then go on")
        except OSError as error:
            _fail(f"{error}: make room or permit access, then run the same command again to go on")
        except KeyboardInterrupt as error:
            number = error.number if isinstance(error, TerminatedError) else signal.SIGINT
            kept = ": what is done is kept; run the same command again to go on" if self._goes_on else ""
            _fail(f"interrupted{kept}", code=128 + number)
        except Exception as error:
            from pnas_ops import PnasError

            if not isinstance(error, PnasError):
                raise
            _fail(str(error))
        return None


def add_verbs(main: click.Group, app: App) -> None:
    """Gives a program all commands that programs have."""
    for command in (*device_verbs(app), *run_verbs(app), explore_verb(app)):
        main.add_command(command)


def _fail(message: str, *, code: int = 1) -> None:
    click.secho("error: " + printable(" ".join(message.split())), fg="red", err=True)
    sys.exit(code)
