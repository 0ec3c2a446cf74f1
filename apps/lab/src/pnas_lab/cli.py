"""The command line of `pnas-lab`. Heavy libraries are imported by the commands, not here."""

import click

from pnas_apps.cli.program import Program
from pnas_lab.design_command import design
from pnas_lab.inspect_command import inspect_net
from pnas_lab.primitives_command import primitives
from pnas_lab.scale_command import scale
from pnas_lab.sizes_command import sizes
from pnas_lab.taste_command import taste


@click.group(cls=Program, goes_on=False)
def main() -> None:
    """Look at operations, nets and search spaces: every command prints a table, draws a picture, and trains nothing."""


main.add_command(primitives)
main.add_command(inspect_net)
main.add_command(scale)
main.add_command(sizes)
main.add_command(design)
main.add_command(taste)
