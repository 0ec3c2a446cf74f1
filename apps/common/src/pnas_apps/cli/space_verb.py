"""The command that prints a search space, to start one's own from."""

from pathlib import Path

import click

from pnas_apps.cli.app import App
from pnas_apps.cli.completing import begun_with
from pnas_apps.cli.options import known_operations
from pnas_apps.cli.space_options import SpaceSize, asked_space, size_options
from pnas_apps.cli.verb import verb


def space_verb(app: App) -> click.Command:
    """`space`, for one program."""

    @verb(
        "space",
        help=f"Print a search space as JSON, to edit and pass as --space FILE.\n\nSPACE is {', '.join(app.spaces)}, or "
        "a file that ends in .json or .toml, to check it.",
        examples=(f"{app.spaces[0]} > mine.json", f"{app.spaces[0]} --width-mult 0.5 --resolution 64", "mine.json"),
    )
    @click.argument("name", metavar="SPACE", shell_complete=begun_with(app.spaces))
    @size_options(app)
    def space(
        name: str,
        classes: int | None,
        resolution: int | None,
        blocks_per_stage: int | None,
        width_mult: float | None,
        ops: Path | None,
    ) -> None:
        from pnas_ops import to_json

        size = SpaceSize(
            classes=classes, resolution=resolution, blocks_per_stage=blocks_per_stage, width_mult=width_mult
        )
        with known_operations(ops):
            click.echo(to_json(asked_space(app, name, size)), nl=False)

    return space
