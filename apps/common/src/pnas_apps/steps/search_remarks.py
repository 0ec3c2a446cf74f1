"""Remarks on a search that did not come to an end."""

from collections.abc import Sequence
from pathlib import Path

from pnas_apps.run.search_start import SearchStart
from pnas_supernet import EpochRecord

_UNDECIDED = 0.95
"""Relative entropy from which on gates are called undecided: that of seven candidates of which one has a probability of
0.32 and the others are alike."""
_FAR = 0.1
"""How far the expected latency may be from the target, as a share of it."""


def search_remarks(
    history: Sequence[EpochRecord],
    expected_ms: Sequence[float],
    target_ms: float | None,
    *,
    by_gates: bool,
    start: SearchStart | None = None,
) -> tuple[str, ...]:
    """Lines for a search whose gates stayed undecided, whose expected latency is far from the requested one, or which
    started from another search.

    Args:
        history: of the search.
        expected_ms: the expected latency of a sampled net after each epoch.
        target_ms: what was requested; None for nothing.
        by_gates: whether the net was chosen by the gates' probabilities.
        start: the search that it started from; None to start from scratch.
    """
    entropy, last_ms = history[-1].entropy, expected_ms[-1]
    remarks = []
    if by_gates and entropy >= _UNDECIDED:
        remarks.append(
            f"The gates stayed undecided (mean entropy {entropy:.2f} of the maximum), so the choice of net was partly "
            "chance. Search longer (--search-epochs), or train the architecture faster (--search-alpha-lr) or more "
            "often (a lower --search-arch-interval)"
        )
    if target_ms is not None and abs(last_ms / target_ms - 1) > _FAR:
        side, others = ("above", "slower") if last_ms > target_ms else ("below", "faster")
        remarks.append(
            f"The search ended {abs(last_ms / target_ms - 1):.0%} {side} the requested latency: its expected latency "
            f"is {last_ms:.4f} ms, so it learned about {others} nets than the one taken for {target_ms:.4f} ms. Search "
            "longer (--search-epochs), adapt the multiplier faster (--objective-multiplier-rate), or request a latency "
            "closer to that"
        )
    if start is not None:
        remarks.append(
            f"The search started from the supernet of {Path(start.run).name}: its training time is not included in the "
            "search time here"
        )
    return tuple(remarks)
