"""`pnas-lab inspect`: a net, operator by operator."""

from typing import TYPE_CHECKING

from cloup import option_group

from pnas_apps.cli.verb import verb
from pnas_lab.options import STORED_DTYPE, input_shape_option, model_argument, output_options, resolution_option
from pnas_lab.output import Output

if TYPE_CHECKING:
    from pnas_ops import StoredDtype


@verb("inspect", examples=("resnet18", "runs/first/architecture.json --dtype int8", "net.py:make --picture net.png"))
@model_argument
@option_group(
    "Input",
    "What the net sees.",
    resolution_option(shown="the net's own; 224 for a FUNCTION"),
    input_shape_option,
    STORED_DTYPE,
)
@output_options
def inspect_net(
    model: str,
    classes: int | None,
    resolution: int | None,
    input_shape: tuple[int, ...] | None,
    dtype: "StoredDtype",
    output: Output,
) -> None:
    """Look at a net operator by operator: what it computes, holds and moves.

    MODEL is the name of a net of torchvision or of ours, a net's file that ends in .json, or FILE.py:FUNCTION, whose
    function returns a torch.nn.Module and is run. BatchNorm and elementwise functions belong to the operator before
    them, whose result they change in place.
    """
    from pnas_apps.ground.progress import reporter_on_stdout
    from pnas_lab.inspection import look_at_net

    with reporter_on_stdout() as reporter:
        look_at_net(
            model,
            classes=classes,
            resolution=resolution,
            input_shape=input_shape,
            dtype=dtype,
            output=output,
            reporter=reporter,
        )
