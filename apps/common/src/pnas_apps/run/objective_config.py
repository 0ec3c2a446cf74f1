"""How costs enter a search."""

from typing import Literal

from attrs import field, frozen
from attrs.validators import in_

from pnas_ops import Range

Form = Literal["constrained", "linear", "absolute", "mul-log", "reinforce"]
_FORMS: tuple[Form, ...] = ("constrained", "linear", "absolute", "mul-log", "reinforce")


@frozen(kw_only=True)
class ObjectiveConfig:
    """How costs enter the search.

    Attributes:
        form: of the latency. "constrained" finds by itself what a millisecond is worth for the target; the others are
            given it, by `weight` ("linear", "absolute") or by the values of the original ("mul-log") or of MnasNet
            ("reinforce"). Every other limit is a constraint.
        weight: what a latency of twice the reference adds to the loss. The reference is the requested latency. If none
            is requested, it is that of the space's average net, and "constrained" is "linear".
        log_unit_ms: of "mul-log": nets must be slower than this.
        multiplier_rate: of a constraint's multiplier, see `pnas_latency.Constraint`.
        damping: of a constraint.
        tightening: share of the search over which a constraint's limit falls to what is requested.
        samples: of "reinforce": nets of one architecture step.
        reward_cost: of "reinforce": the table's latency, that of the whole net as measured on the device, or the size
            of its file in bytes, for which `file_bytes` is the reference.
        file_bytes: the size of a file that leaves the accuracy as it is.
    """

    form: Form = field(validator=in_(_FORMS))
    weight: float = field(validator=Range(0.0, 1e6))
    log_unit_ms: float = field(validator=Range(0.0, 1e9, above=True))
    multiplier_rate: float = field(validator=Range(0.0, 1e3, above=True))
    damping: float = field(validator=Range(0.0, 1e6, above=True))
    tightening: float = field(validator=Range(0.0, 1.0))
    samples: int = field(validator=Range(1, 10_000, whole=True))
    reward_cost: Literal["table", "measured", "file-bytes"] = field(validator=in_(("table", "measured", "file-bytes")))
    file_bytes: float = field(validator=Range(0.0, 1e18, above=True))
