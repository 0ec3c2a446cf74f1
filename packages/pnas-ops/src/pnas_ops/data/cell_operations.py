"""Operations that cells are made of: those of DARTS (arXiv 1806.09055) and NAS-Bench-201 (arXiv 2001.00326).

In both, a convolution stands for ReLU, the convolution and BatchNorm, in this order.
"""

from typing import Any

from attrs import field, frozen
from attrs.validators import in_, instance_of

from pnas_ops.data.ranges import POSITIVE_INTEGER

_KERNEL: Any = [instance_of(int), in_((1, 3, 5, 7))]


@frozen(kw_only=True)
class ReluConvSpec:
    """ReLU, a dense convolution, BatchNorm: `nor_conv_3x3` and `nor_conv_1x1` of NAS-Bench-201."""

    kernel_size: int = field(validator=_KERNEL)

    def __str__(self) -> str:
        return f"reluconv{self.kernel_size}"


@frozen(kw_only=True)
class ReluSeparableConvSpec:
    """ReLU, depthwise `kernel_size`, 1x1, BatchNorm, `repeats` times, with the stride in the first.

    DARTS's `sep_conv` is two of them, its `dil_conv` is one with `dilation` 2.
    """

    kernel_size: int = field(validator=_KERNEL)
    dilation: int = field(default=1, validator=POSITIVE_INTEGER)
    repeats: int = field(default=1, validator=POSITIVE_INTEGER)

    def __str__(self) -> str:
        dilated = "" if self.dilation == 1 else f"-d{self.dilation}"
        repeated = "" if self.repeats == 1 else f"-x{self.repeats}"
        return f"relusep-{self.kernel_size}x{self.kernel_size}{dilated}{repeated}"


@frozen(kw_only=True)
class FactorizedReduceSpec:
    """ReLU, two convolutions 1x1 of stride 2 side by side, the second one shifted by a pixel, then BatchNorm.

    DARTS's skip connection where the image is halved. It takes images of even size.
    """

    @property
    def kernel_size(self) -> int:
        """1: that of its convolutions."""
        return 1

    def __str__(self) -> str:
        return "factorized-reduce"


@frozen(kw_only=True)
class ResidualReductionSpec:
    """Twice ReLU, convolution 3x3 and BatchNorm, plus a shortcut: the input, averaged, through a convolution 1x1.

    The stride is in the first convolution and in the average. This block halves the image between the stages of
    NAS-Bench-201.
    """

    @property
    def kernel_size(self) -> int:
        """3: that of its convolutions."""
        return 3

    def __str__(self) -> str:
        return "residual-reduction"


@frozen(kw_only=True)
class NoneSpec:
    """The operation of an absent edge of a cell: the node gets nothing from it."""

    @property
    def kernel_size(self) -> int:
        """1: it has no kernel."""
        return 1

    def __str__(self) -> str:
        return "none"
