"""Costs that a command prints: the size of a file stands in for what a meter counts."""

from pathlib import Path

import pytest

from pnas_export import CommandMetric, DeviceError, chain_signatures
from pnas_export.devices import command_metric
from pnas_ops import Workload


def test_each_block_costs_what_is_printed_less_the_call(
    monkeypatch: pytest.MonkeyPatch, blocks: list[Workload], blocks_model: bytes
) -> None:
    monkeypatch.setattr(command_metric, "convert_workloads", lambda workloads, **options: blocks_model)
    found = list(CommandMetric(name="size_bytes", template="stat -c %s {model}").measure([blocks]))
    idle = len(chain_signatures(blocks_model, ["idle"]))
    sizes = [len(chain_signatures(blocks_model, [block.name])) - idle for block in blocks]
    assert found == [(None, float(idle)), *zip(blocks, map(float, sizes), strict=True)]
    assert list(CommandMetric(name="size_bytes", template="stat {model}").measure([[]])) == []
    assert CommandMetric(name="size_bytes", template="stat -c %s {model}").of_a_call() == idle
    with pytest.raises(DeviceError, match="did not tell size_bytes of an empty call: it ended with"):
        CommandMetric(name="size_bytes", template="false {model}").of_a_call()


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("echo none {model}x", r"did not tell energy_mj of .*: it ended with code 0 and printed .*: run it by hand"),
        ("sh -c 'echo -3 # {model}'", "printed '-3', not a number from 0 at the end"),
        ("sh -c 'echo nan # {model}'", "printed 'nan'"),
        ("sh -c 'echo 3; exit 4 # {model}'", "it ended with code 4 and printed '3'"),
        ("sh -c 'true # {model}'", "printed nothing"),
        ("no-meter {model}", "did not tell energy_mj of .*: cannot run no-meter"),
    ],
)
def test_what_is_no_cost_is_told_with_the_command(template: str, message: str, tflite_path: Path) -> None:
    with pytest.raises(DeviceError, match=message):
        CommandMetric(name="energy_mj", template=template).of_file(tflite_path)


def test_a_command_without_a_place_for_the_file_and_a_cost_without_a_unit_are_refused() -> None:
    with pytest.raises(DeviceError, match=r"lacks \{model\}"):
        CommandMetric(name="energy_mj", template="meter")
    with pytest.raises(ValueError, match="name"):
        CommandMetric(name="energy", template="meter {model}")
