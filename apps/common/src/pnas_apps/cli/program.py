"""What the command-line programs have in common. Imports nothing heavy, since `--help` needs it."""

import sys
from typing import Any

import click

from pnas_apps.ground.errors import UserError


class Program(click.Group):
    """A group of commands that answers a user's mistake with one line on stderr and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            _fail(str(error))
        except OSError as error:
            _fail(f"{error}: make room or permit access, then run the same command again to go on")
        except KeyboardInterrupt:
            _fail("interrupted: what is done is kept; run the same command again to go on", code=130)


def _fail(message: str, *, code: int = 1) -> None:
    click.secho("error: " + " ".join(message.split()), fg="red", err=True)
    sys.exit(code)
