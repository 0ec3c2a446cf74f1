"""Whole nets as TFLite files for timing: chained blocks, or a user's own module as it is."""

from torch import Tensor, nn

from pnas_export.blocks.chaining import architecture_signatures, chain_signatures
from pnas_export.converting.tflite_file import convert
from pnas_export.ground.outputs import output_tensors
from pnas_ops import AnyNet, Architecture, FilePath, ModuleBuilder, build_timed, example_inputs


def net_model(
    net: AnyNet,
    blocks: bytes,
    *,
    build: ModuleBuilder | None = None,
    cache: FilePath | None = None,
    log: FilePath | None = None,
) -> bytes:
    """A TFLite model of a net.

    Args:
        net: of blocks, or of a `ModuleSpace`, whose net may have any number of inputs and outputs.
        blocks: of `convert_workloads`, with all blocks of the net; a net of a `ModuleSpace` needs none.
        build: makes the net of a `ModuleSpace`.
        cache: a folder that keeps what was converted.
        log: a file that receives what the converter prints; dropped if None.

    Raises:
        NoBuilderError: for a net of a `ModuleSpace` without `build`.
        ConversionError: naming the net and the layer that the converter refuses.
    """
    if isinstance(net, Architecture):
        return chain_signatures(blocks, architecture_signatures(net))
    module = EveryOutput(build_timed(net, build)).eval()
    return convert(module, example_inputs(net), what=f"net {net.name} to TFLite", cache=cache, log=log)


class EveryOutput(nn.Module):
    """A net that returns all tensors of its result, in any dicts, lists and tuples, as one tuple."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The tensors in their order."""
        return output_tensors(self.net(*inputs))
