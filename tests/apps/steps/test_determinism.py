"""`--deterministic` reaches what is learnt on a GPU."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from pnas_apps.ground.errors import UserError
from pnas_apps.run.run import Run
from pnas_apps.steps.search import search
from pnas_apps.steps.train import train
from pnas_cifar10.cli import main
from tables import uniform_table


@pytest.fixture(params=[False, True], ids=["plain", "deterministic"])
def run(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of the command line that has got as far as its first step."""
    runs: list[Run] = []

    def stop(run: Run, *args: object, **kwargs: object) -> None:
        runs.append(run)
        raise UserError("has begun")

    monkeypatch.setattr("pnas_apps.cli.runs.run_pipeline", stop)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    arguments = ["demo", "--run-dir", tmp_path / "run", "--cache-dir", tmp_path / "cache", "--accelerator", "cpu"]
    # With a target, since without one a search tells what it is after, and the command's terminal is gone by then.
    flags = ["--target-latency-ms", "1", *(["--deterministic"] if request.param else [])]
    assert CliRunner().invoke(main, [*map(str, arguments), *flags]).exit_code == 1
    (begun,) = runs
    assert begun.deterministic == request.param
    return begun


def test_a_search_and_a_training_are_told_whether_they_are_to_repeat_themselves(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[torch.device, bool]] = []

    def tuned(device: torch.device, *, deterministic: bool) -> None:
        told.append((device, deterministic))
        raise KeyboardInterrupt

    tabled: Any = SimpleNamespace(table=uniform_table(run.task.space), device=None)
    net = run.task.space.architecture([0] * len(run.task.space.mixed), name="searched")
    searched: Any = SimpleNamespace(tabled=tabled, supernet=None, architecture=net)
    steps: dict[str, Callable[[], object]] = {
        "search": lambda: search(run, tabled),
        "train": lambda: train(run, searched),
    }
    for name, step in steps.items():
        monkeypatch.setattr(f"pnas_apps.steps.{name}.tuned", tuned)
        with pytest.raises(KeyboardInterrupt):
            step()
    assert told == [(run.device, run.deterministic)] * 2
