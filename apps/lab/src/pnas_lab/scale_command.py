"""`pnas-lab scale`: a net deeper, wider and for larger images."""

import click
from click.core import ParameterSource
from cloup import option_group

from pnas_apps.cli.verb import verb
from pnas_apps.ground.errors import UserError
from pnas_lab.options import architecture_argument, output_options, resolution_option
from pnas_lab.output import Output

_OF_ONE_NET = ("phi", "alpha", "beta", "gamma")


@verb(examples=("mobilenet_v2 --phi 2", "runs/first/architecture.json --alpha 1.1 --beta 1.2", "resnet18 --grid"))
@architecture_argument
@option_group(
    "Coefficients",
    "How much depth, width and resolution grow.",
    click.option("--phi", type=float, default=1.0, show_default=True, help="The exponent of the other three."),
    click.option("--alpha", type=float, default=1.2, show_default=True, help="Growth of the depth, at least 1."),
    click.option("--beta", type=float, default=1.1, show_default=True, help="Growth of the width, at least 1."),
    click.option("--gamma", type=float, default=1.15, show_default=True, help="Growth of the resolution, at least 1."),
    click.option("--grid", is_flag=True, help="Try all coefficients that about double the MACs at phi = 1."),
    click.option(
        "--step", type=float, default=0.05, show_default=True, help="Step between the coefficients of --grid."
    ),
    resolution_option(shown="the net's own"),
)
@output_options
def scale(
    architecture: str,
    phi: float,
    alpha: float,
    beta: float,
    gamma: float,
    grid: bool,
    step: float,
    resolution: int | None,
    output: Output,
) -> None:
    """Scale a net in depth, width and resolution together, as EfficientNet was (arXiv 1905.11946).

    It gets alpha^phi times its depth, beta^phi times its width and gamma^phi times its resolution; beside it, each of
    these alone for as many MACs. ARCHITECTURE is a net by its name, or a file of one that ends in .json. Which of the
    nets of --grid is best, training finds out.
    """
    _check_options(grid)
    from pnas_apps.ground.progress import reporter_on_stdout
    from pnas_lab.nets import read_architecture
    from pnas_lab.scaling import show_grid, show_scalings
    from pnas_ops import CompoundScaling, compound_grid

    coefficients = CompoundScaling(alpha=alpha, beta=beta, gamma=gamma)
    candidates = compound_grid(step=step)
    net = read_architecture(architecture, resolution=resolution)
    with reporter_on_stdout() as reporter:
        if grid:
            show_grid(net, candidates, output, reporter)
        else:
            show_scalings(net, coefficients, phi, output, reporter)


def _check_options(grid: bool) -> None:
    context = click.get_current_context()
    given = [name for name in (*_OF_ONE_NET, "step") if context.get_parameter_source(name) != ParameterSource.DEFAULT]
    wrong = [f"--{name}" for name in given if (name in _OF_ONE_NET) == grid]
    if wrong and grid:
        raise UserError(f"--grid tries all coefficients, at phi = 1: leave out {' and '.join(wrong)}")
    if wrong:
        raise UserError("--step belongs to --grid: give both, or neither")
