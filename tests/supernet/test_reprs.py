"""What a person at a prompt or in a notebook sees."""

import pytest
import torch
from attrs import evolve
from torch import nn

from pnas_ops import MBConvSpec, Stage, ZeroSpec, digits_mbconv_space
from pnas_supernet import (
    EpochRecord,
    MixedOp,
    ProxylessNAS,
    SearchConfig,
    StepResult,
    SuperNet,
    alpha_parameters,
)

SPACE = evolve(
    digits_mbconv_space(0.5, resolution=8),
    stages=(Stage(width=24, depth=2, stride=2),),
    candidates=(MBConvSpec(kernel_size=3, expansion=1), MBConvSpec(kernel_size=5, expansion=1), ZeroSpec()),
)
RECORD = EpochRecord(
    epoch=12,
    phase="search",
    train_loss=1.23456,
    train_accuracy=0.5,
    validation_loss=0.0625,
    validation_accuracy=0.98765,
    entropy=0.12345,
    probs=((0.1,) * 7,) * 21,
)


def supernet_with(probs: list[list[float]], name: str = "<tiny>") -> SuperNet:
    supernet = SuperNet(evolve(SPACE, name=name))
    with torch.no_grad():
        for alpha, of_row in zip(alpha_parameters(supernet), probs, strict=True):
            alpha.copy_(torch.tensor(of_row).log())
    return supernet


def test_a_supernet_is_one_line_and_prints_its_most_probable_candidates() -> None:
    supernet = supernet_with([[0.25, 0.75], [0.5, 0.2, 0.3]])
    assert [len(row) for row in supernet.space.mixed] == [2, 3]
    title = "<SuperNet of '<tiny>': 2 mixed operations of 2 to 3 candidates>"
    assert repr(supernet) == title
    assert str(supernet).splitlines() == [title, "    0  mb1-5x5 75.0%", "    1  mb1-3x3 50.0%"]
    html = supernet._repr_html_()
    assert "&lt;tiny&gt;" in html
    assert "<tiny>" not in html
    for row in (("0", "mb1-5x5 75.0%", "mb1-3x3 25.0%"), ("1", "mb1-3x3 50.0%", "skip 30.0%, mb1-5x5 20.0%")):
        assert f"<tr>{''.join(f'<td>{text}</td>' for text in row)}</tr>" in html


def test_a_supernet_of_a_long_name_and_equal_positions_is_one_short_line() -> None:
    space = evolve(SPACE, name="n" * 200, candidates=SPACE.candidates[:2])
    assert repr(SuperNet(space)) == f"<SuperNet of '{'n' * 37}...': 2 mixed operations of 2 candidates>"
    assert repr(SuperNet(evolve(space, name="m" * 40))).startswith(f"<SuperNet of '{'m' * 40}':")


def test_a_record_is_one_line() -> None:
    expected = "<EpochRecord 12, search: training 1.235, 50.0%; validation 0.0625, 98.8%; entropy 0.123>"
    assert repr(RECORD) == expected
    warm_up = evolve(RECORD, epoch=0, phase="warm-up", validation_loss=None, validation_accuracy=None)
    assert repr(warm_up) == "<EpochRecord 0, warm-up: training 1.235, 50.0%; validation none; entropy 0.123>"


def test_the_result_of_a_step_is_one_line() -> None:
    result = StepResult(torch.tensor(0.75), torch.zeros(32, 1000))
    assert repr(result) == "<StepResult: loss 0.75, outputs of shape (32, 1000)>"


def test_a_search_is_one_line_and_in_a_notebook_a_table_of_its_epochs() -> None:
    network = nn.Sequential(nn.Flatten(), MixedOp([nn.Linear(4, 3), nn.Linear(4, 3)]))
    config = SearchConfig(warmup_epochs=1, epochs=3, arch_interval=1)
    search = ProxylessNAS(network, config, generator=torch.Generator().manual_seed(0))
    batches = [(torch.ones(2, 4), torch.tensor([0, 1]))] * 2
    assert repr(search) == "<ProxylessNAS of a Sequential with 1 mixed operations: 0 of 4 epochs and 0 steps>"
    for _ in range(2):
        search.run_epoch(batches, batches)

    seen: list[str] = []
    search.run_epoch(batches, batches, on_step=lambda: seen.append(repr(search)))
    assert seen[0] == "<ProxylessNAS of a Sequential with 1 mixed operations: 2 of 4 epochs and 1 steps>"
    html = search._repr_html_()
    assert html.count("<tr>") == 1 + 3
    for record in search.history:
        validation = "none"
        if record.validation_loss is not None:
            validation = f"{record.validation_loss:.4g}, {record.validation_accuracy:.1%}"
        training = f"{record.train_loss:.4g}, {record.train_accuracy:.1%}"
        assert f"<td>{record.phase}</td><td>{training}</td><td>{validation}</td>" in html


@pytest.mark.parametrize("value", [RECORD, StepResult(torch.zeros(()), torch.zeros(9, 9))], ids=["record", "result"])
def test_lines_are_short(value: object) -> None:
    assert len(repr(value)) <= 120
