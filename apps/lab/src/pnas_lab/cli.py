"""The command line of `pnas-lab`. Heavy libraries are imported by the commands, not here."""

import cloup

from pnas_apps.cli.program import Program
from pnas_lab.design_command import design
from pnas_lab.inspect_command import inspect_net
from pnas_lab.primitives_command import primitives
from pnas_lab.scale_command import scale
from pnas_lab.sizes_command import sizes
from pnas_lab.taste_command import taste


@cloup.group(cls=Program)
def main() -> None:
    """Look at operations, nets and search spaces: every command prints a table, draws a picture, and trains nothing."""


main.section("Look at a net or an operation", inspect_net, primitives, scale)
main.section("Look at spaces and devices", sizes, design, taste)
