"""What the command-line programs have in common. Imports nothing heavy, since `--help` needs it."""

import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click
import cloup

from pnas_apps.cli.app import App
from pnas_apps.cli.compare_verb import compare_verb
from pnas_apps.cli.device_verbs import device_verbs, file_verbs
from pnas_apps.cli.options import DRY
from pnas_apps.cli.resuming import can_resume
from pnas_apps.cli.run_verbs import begin_verbs, later_verbs
from pnas_apps.cli.started import as_started
from pnas_apps.cli.versions import version_option
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.passwords import without_passwords
from pnas_apps.ground.signals import TerminatedError, signals_raised
from pnas_apps.ground.terminal import drop_unwritten, open_closed_streams, printable, readable_width
from pnas_apps.ground.waiting import wait_shortly

COMMAND = "pnas_apps.command"
"""The name of the command line in a context's `meta`."""

_READER_GONE = 141
"""What a shell says of a program that a closed pipe has ended."""


class Program(cloup.Group):
    """A group of commands that answers a user's mistake with one line on stderr and exit code 1, or 2 for an option.

    It tells its version, and how a shell completes its command lines.

    Args:
        options: as click has them.
    """

    def __init__(self, *, params: Sequence[click.Parameter] = (), **options: Any) -> None:
        super().__init__(params=[*params, version_option()], **options)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """As click has it, with the three streams open, and with threads that leave their cores to others."""
        open_closed_streams()
        wait_shortly()
        try:
            with signals_raised():
                return super().main(*args, **kwargs)
        except OSError as error:  # where help or versions cannot be written, which click does before `invoke`
            _fail(f"{error}: free some space or permit access, then run the same command again")
        except KeyboardInterrupt as error:  # where another exception was made of it, which `invoke` does not know
            _interrupted(error)
        finally:
            drop_unwritten()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """How a shell completes, by click's own means."""
        name = ctx.info_name or ""
        variable = f"_{name}_COMPLETE".replace("-", "_").upper()
        formatter.write_paragraph()
        formatter.write_text(f"Shell completion for bash, if {name} is on the path (or zsh_source, fish_source):")
        formatter.write(f'  eval "$({variable}=bash_source {name})"\n')
        super().format_epilog(ctx, formatter)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """As click has it, with the whole command line in `meta`, as a shell takes it."""
        command = without_passwords(f"{as_started(info_name or Path(sys.argv[0]).name)} {shlex.join(args)}".strip())
        columns = shutil.get_terminal_size().columns
        if readable_width(columns) != columns:  # too few for the help, which cannot be written into none at all
            extra.setdefault("terminal_width", readable_width(columns))
        try:
            context = super().make_context(info_name, args, parent, **extra)
        except KeyboardInterrupt as error:
            _interrupted(error)
        context.meta[COMMAND] = command
        return context

    def invoke(self, ctx: click.Context) -> object:
        try:
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
            drop_unwritten()
            sys.exit(_READER_GONE)
        except IsADirectoryError as error:
            _fail(
                f"{error.filename2 or error.filename} is a folder where a file belongs: move it, then run the same "
                "command again"
            )
        except OSError as error:
            _fail(f"{error}: free some space or permit access, then run the same command again")
        except KeyboardInterrupt as error:
            _interrupted(error, _what_is_left(ctx))
        except Exception as error:
            from pnas_apps.steps.memory import is_out_of_memory
            from pnas_ops import PnasError

            if isinstance(error, RuntimeError) and is_out_of_memory(error):
                _fail(
                    "the GPU's memory is too small: use smaller batches, or more micro-batches "
                    f"(--search-micro-batches, --train-micro-batches){_what_is_left(ctx)}"
                )
            if not isinstance(error, PnasError):
                raise
            _fail(str(error))
        return None


def add_verbs(main: Program, app: App, *own: click.Command) -> None:
    """Gives a program all commands that programs have, and its own ones that begin a run."""
    main.section("Start a run, or resume one", *own, *begin_verbs(app))
    main.section("Work on runs", *later_verbs(app), compare_verb())
    main.section("Use files", *file_verbs(reads_photos=app.reads_photos))
    main.section("Devices, tables, spaces, presets", *device_verbs(app))


def _what_is_left(ctx: click.Context) -> str:
    """Of a command that was interrupted."""
    if ctx.meta.get(DRY):
        return ": a dry run saves no results, so the same command starts again"
    return ": the same command resumes from what was saved" if can_resume(ctx) else ""


def _interrupted(error: KeyboardInterrupt, kept: str = "") -> NoReturn:
    number = error.number if isinstance(error, TerminatedError) else signal.SIGINT
    _fail(f"interrupted{kept}", code=128 + number)


def _fail(message: str, *, code: int = 1) -> NoReturn:
    click.secho("error: " + printable(" ".join(message.split())), fg="red", err=True)
    sys.exit(code)
