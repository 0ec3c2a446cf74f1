"""A space chosen before it is searched, on a command line. Imports nothing heavy, since `--help` needs it."""

from collections.abc import Callable
from functools import wraps

import click
from cloup import option_group

from pnas_apps.cli.option_types import Number, Numbers, whole
from pnas_apps.cli.presets import Flags, flag_of
from pnas_apps.ground.errors import UserError
from pnas_apps.run.asked_sizes import AskedSizes


def design_options(command: Callable[..., None]) -> Callable[..., None]:
    """`--design` and what it compares; the command gets them as `sizes`, None where no space is to be chosen."""
    added = option_group(
        "Space design",
        "Choose the width and resolution whose random nets, within the limits, compute most.",
        click.option(
            "--design",
            is_flag=True,
            help="Choose them, instead of --width-mult and --resolution.",
        ),
        click.option(
            "--design-widths",
            type=Numbers(Number(0.01, 16.0)),
            show_default="0.5,0.75,1,1.25,1.5,2",
            help="Width multipliers to choose from.",
        ),
        click.option(
            "--design-resolutions",
            type=Numbers(whole(1, 4096)),
            show_default="half, three quarters and all of --resolution",
            help="Resolutions to choose from, in pixels.",
        ),
    )

    @wraps(command)
    def asked(
        design: bool,
        design_widths: tuple[float, ...] | None,
        design_resolutions: tuple[int, ...] | None,
        flags: Flags,
        **others: object,
    ) -> None:
        if not design and (design_widths or design_resolutions):
            raise UserError("--design-widths and --design-resolutions have no effect without --design: add --design")
        if design:
            _refuse_sizes(flags)
        sizes = AskedSizes(widths=design_widths, resolutions=design_resolutions) if design else None
        command(**others, flags=flags, sizes=sizes)

    return added(asked)


def _refuse_sizes(flags: Flags) -> None:
    for option in ("width_mult", "resolution"):
        if flag_of(flags, option) is not None:
            flag = f"--{option.replace('_', '-')}"
            raise UserError(f"{flag} is chosen by --design: leave out one of the two")
