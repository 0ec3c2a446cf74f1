"""A search that starts from another one's supernet, on a command line. Imports nothing heavy, for `--help` needs it."""

import math
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import evolve, frozen
from cloup import option_group

from pnas_apps.cli.named_things import RunThere
from pnas_apps.cli.presets import Flags, flag_of
from pnas_apps.ground.errors import UserError

if TYPE_CHECKING:
    from pnas_apps.run.preset import Preset


@frozen(kw_only=True)
class AskedStart:
    """The search that another one is to start from.

    Attributes:
        run: folder of its run.
        alpha: whether its architecture parameters are to be taken, too.
    """

    run: Path
    alpha: bool


def start_options(command: Callable[..., None]) -> Callable[..., None]:
    """`--from` and `--from-alpha`; the command gets them as `start`, None where it starts from scratch."""
    added = option_group(
        "Start from another search",
        "For another latency or device: no warm-up, and one weight step per architecture step.",
        click.option(
            "--from",
            "start_run",
            metavar="RUN",
            type=RunThere(),
            show_default="fresh weights",
            help="Start with the supernet of this finished search on the same images and space.",
        ),
        click.option(
            "--from-alpha",
            type=click.Choice(["uniform", "run"]),
            show_default="uniform",
            help="Where the architecture starts; that of RUN has given up what its limits ruled out.",
        ),
    )

    @wraps(command)
    def asked(start_run: Path | None, from_alpha: str | None, **others: object) -> None:
        if start_run is None and from_alpha is not None:
            raise UserError("--from-alpha has no effect without --from: add --from RUN")
        start = None if start_run is None else AskedStart(run=start_run, alpha=from_alpha == "run")
        command(**others, start=start)

    return added(asked)


def started_preset(preset: "Preset", flags: Flags) -> "Preset":
    """The preset of a search that starts from another's supernet, whose weights have learnt already.

    It has no warm-up, and as many architecture steps as a search from scratch, but one weight step for each: they
    only follow what alpha comes to prefer. What a flag says is left as it is.
    """
    search = preset.search

    def is_free(option: str) -> bool:
        return flag_of(flags, f"search__{option}") is None

    interval = 1 if is_free("arch_interval") else search.arch_interval
    epochs = math.ceil(search.epochs * interval / search.arch_interval) if is_free("epochs") else search.epochs
    warmup_epochs = 0 if is_free("warmup_epochs") else search.warmup_epochs
    return evolve(preset, search=evolve(search, warmup_epochs=warmup_epochs, epochs=epochs, arch_interval=interval))
