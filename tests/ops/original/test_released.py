"""The released nets against the published numbers and the original's own files."""

import re
from pathlib import Path

import pytest

from original_nets import CIFAR, MOBILE, REASON
from pnas_ops import (
    RELEASED,
    Architecture,
    ClassifierSpec,
    ReleasedName,
    architecture_macs,
    architecture_parameters,
    from_json,
    read_original_config,
    released,
    to_json,
    workloads,
)

# Parameters, and million MACs as they were published.
SIZES: dict[ReleasedName, tuple[int, float]] = {
    "proxyless_mobile": (4_080_512, 320.4),
    "proxyless_cpu": (4_361_648, 439.2),
    "proxyless_gpu": (7_119_848, 465.3),
    "proxyless_mobile_14": (6_857_568, 580.9),
    "proxyless_cifar": (5_731_530, 1213.2),
}


@pytest.mark.parametrize("name", RELEASED)
def test_has_the_published_size_and_work(name: ReleasedName) -> None:
    net = released(name)
    parameters, million_macs = SIZES[name]
    assert net.name == name
    assert architecture_parameters(net) == parameters
    assert round(architecture_macs(net) / 1e6, 1) == million_macs


@pytest.mark.skipif(not MOBILE.exists(), reason=REASON)
@pytest.mark.parametrize("path", [MOBILE, CIFAR], ids=lambda path: path.stem)
def test_is_what_the_file_of_the_original_says(path: Path) -> None:
    assert read_original_config(path) == released(path.stem)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", RELEASED)
def test_survives_a_round_trip_and_has_workloads(name: ReleasedName) -> None:
    net = released(name)
    assert from_json(to_json(net), Architecture) == net
    found = [workload for (workload,) in workloads(net)]
    assert [workload.block for workload in found] == list(net.blocks)
    strides = 4 if name == "proxyless_cifar" else 32
    assert found[-1].height == net.resolution // strides
    assert isinstance(found[-1].block.op, ClassifierSpec)


def test_refuses_another_name() -> None:
    known = re.escape(", ".join(RELEASED))
    with pytest.raises(ValueError, match=rf"^no released net is called 'proxyless_tpu'; there are {known}$"):
        released("proxyless_tpu")  # type: ignore[arg-type]
