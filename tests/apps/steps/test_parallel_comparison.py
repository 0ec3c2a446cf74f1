"""Several processes compare nets as one does."""

from pathlib import Path

import pytest

from apps.steps.parallel_comparison import compared
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.verdict import Verdict
from pnas_ops import load_json
from small_runs import ALONE
from two_processes import run_in_two_processes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what two processes found."""
    folder = tmp_path_factory.mktemp("parallel")
    run_in_two_processes(Path(__file__).with_name("parallel_comparison.py"), folder)
    return folder


def test_the_verdict_of_two_processes_is_that_of_one(both: Path, tmp_path: Path) -> None:
    """Of nets that normalize each image by itself: BatchNorm sees a part of the batch in each process."""
    found = load_json(both / "False-0.json", Verdict)
    assert found == compared(tmp_path / "alone", ALONE, batch_norm=False)
    # The nets have learnt something, each something else.
    assert len({net.accuracies for net in found.nets}) > 1
    assert max(max(net.accuracies) for net in found.nets) > 0.5
    lines = [RunFolder(one).accuracies.read_bytes() for one in (both / "False", tmp_path / "alone")]
    assert lines[0] == lines[1]


@pytest.mark.parametrize("batch_norm", [True, False])
def test_all_processes_find_the_same_and_leave_one_line_a_training(both: Path, batch_norm: bool) -> None:
    first, second = (load_json(both / f"{batch_norm}-{rank}.json", Verdict) for rank in range(2))
    assert first == second
    folder = RunFolder(both / f"{batch_norm}")
    assert len(folder.accuracies.read_text().splitlines()) == 2 * len(first.nets)
    assert sorted(path.name for path in folder.compared.iterdir()) == ["accuracies.jsonl", "nets.json"]
    assert not folder.damages()
