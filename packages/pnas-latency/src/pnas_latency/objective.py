"""How latency enters the loss."""

from attrs import field, frozen
from attrs.validators import ge, gt
from torch import Tensor


@frozen(kw_only=True)
class LinearPenalty:
    """weight * (E - reference) / reference, to be added to the cross-entropy.

    The original's "add#linear" form of ProxylessNAS's equation 7 (arXiv 1812.00332).

    Attributes:
        weight: what a latency of twice the reference adds to the loss.
        reference_ms: the latency that adds nothing; a faster net is rewarded.
    """

    weight: float = field(validator=ge(0.0))
    reference_ms: float = field(validator=gt(0.0))

    def __call__(self, latency_ms: Tensor) -> Tensor:
        """The penalty for an expected latency, both scalars."""
        return self.weight * (latency_ms - self.reference_ms) / self.reference_ms
