"""The command that says what there is to begin with."""

import click

from pnas_apps.cli.app import Defaults
from pnas_apps.cli.completing import begun_with
from pnas_apps.cli.presets import preset_names, read_about, read_preset
from pnas_apps.cli.verb import verb
from pnas_apps.ground.errors import UserError


def presets_verb(app: Defaults) -> click.Command:
    """`presets`, which any program can have."""
    names = preset_names(app.presets)

    @verb(examples=("", f"{app.preset} > mine.toml"))
    @click.argument("name", metavar="[PRESET]", required=False, shell_complete=begun_with(names))
    def presets(name: str | None) -> None:
        """List the shipped presets, or print one as a start for your own.

        The list says what each is for and what it costs. Pass your own preset as --preset FILE.toml.
        """
        if name is not None:
            read_preset(name, app.presets)
            path = app.presets / f"{name}.toml"
            if name not in names:
                raise UserError(
                    f"{name} is not a shipped preset: name one of {', '.join(names)}, or read the file itself"
                )
            click.echo(path.read_text(encoding="utf-8"), nl=False)
            return
        for one in names:
            about = read_about(app.presets / f"{one}.toml")
            click.secho(f"{one} (the default)" if one == app.preset else one, bold=True)
            for what, text in (("for", about.purpose), ("time", about.time), ("memory", about.memory)):
                click.echo(f"  {what + ':':<8}{text}")

    return presets
