"""Checkpoints beside a clock that is made up."""

import time

import pytest

from pnas_apps.steps.saving import Saves


def test_all_checkpoints_but_the_first_take_at_most_a_twentieth_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    saves, at = Saves(), []

    def save() -> None:
        nonlocal now
        at.append(now)
        now += 2.0

    for _ in range(50):
        now += 3.0
        if saves.is_worth_it:
            saves.write(save)
    # An epoch takes 3 s and a checkpoint 2: the first is written at once, then one every 40 s or the epoch after.
    assert at[:3] == [103.0, 103.0 + 2.0 + 42.0, 103.0 + 2 * (2.0 + 42.0)]
    assert saves.elapsed_s == now - at[-1] - 2.0
