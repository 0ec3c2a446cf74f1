"""The penalty against its closed form."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pnas_latency import LinearPenalty


@given(weight=st.floats(0, 10), reference=st.floats(0.1, 100), latency=st.floats(0, 200))
def test_is_linear_in_the_latency(weight: float, reference: float, latency: float) -> None:
    latency_ms = torch.tensor(latency, dtype=torch.float64, requires_grad=True)

    penalty = LinearPenalty(weight=weight, reference_ms=reference)(latency_ms)
    penalty.backward()  # type: ignore[no-untyped-call]

    assert penalty.item() == pytest.approx(weight * (latency / reference - 1), abs=1e-9)
    assert latency_ms.grad is not None
    assert latency_ms.grad.item() == pytest.approx(weight / reference)


def test_refuses_what_has_no_meaning() -> None:
    with pytest.raises(ValueError, match="'reference_ms' must be > 0"):
        LinearPenalty(weight=1.0, reference_ms=0.0)
    with pytest.raises(ValueError, match="'weight' must be >= 0"):
        LinearPenalty(weight=-1.0, reference_ms=1.0)
