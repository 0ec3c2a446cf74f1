"""The command line of `pnas-lab`. Heavy libraries are imported by the commands, not here."""

import click

from pnas_apps.cli.program import Program


@click.group(cls=Program)
def main() -> None:
    """Look at operations, nets and search spaces: every command prints a table, draws a picture, and trains nothing."""
