"""What the command-line programs have in common. Imports nothing heavy, since `--help` needs it."""

import sys

import click

from pnas_apps.cli.app import App
from pnas_apps.cli.device_verbs import device_verbs
from pnas_apps.cli.run_verbs import run_verbs
from pnas_apps.ground.errors import UserError


class Program(click.Group):
    """A group of commands that answers a user's mistake with one line on stderr and exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except UserError as error:
            _fail(str(error))
        except OSError as error:
            _fail(f"{error}: make room or permit access, then run the same command again to go on")
        except KeyboardInterrupt:
            _fail("interrupted: what is done is kept; run the same command again to go on", code=130)
        except Exception as error:
            from pnas_ops import PnasError

            if not isinstance(error, PnasError):
                raise
            _fail(str(error))
        return None


def add_verbs(main: click.Group, app: App) -> None:
    """Gives a program all commands that programs have."""
    for command in (*device_verbs(app), *run_verbs(app)):
        main.add_command(command)


def _fail(message: str, *, code: int = 1) -> None:
    click.secho("error: " + " ".join(message.split()), fg="red", err=True)
    sys.exit(code)
