"""Errors that a user can mend."""

import pickle

import pytest

from pnas_export import ConversionError, DeviceError
from pnas_latency import ForeignTableError, InfeasibleBudgetError, MissingWorkloadsError
from pnas_ops import DeviceInfo, PnasError, digits_mbconv_space, workloads

INFO = DeviceInfo(device="board", runtime="fake", runtime_version="1", threads=1, dtype="float32")
NET = digits_mbconv_space().architecture([0] * 6)
((WORKLOAD,), *_) = workloads(NET)


def test_the_line_is_what_is_wrong_and_the_way_out() -> None:
    error = PnasError("the table is damaged", "measure a new one")
    assert str(error) == "the table is damaged: measure a new one"
    assert (error.what, error.way_out) == ("the table is damaged", "measure a new one")
    assert str(PnasError("the disk is full")) == "the disk is full"


@pytest.mark.parametrize(
    "error",
    [
        DeviceError("phone R5 is gone", "connect it"),
        InfeasibleBudgetError("no net is within 1 ms", "raise the limit", NET),
        MissingWorkloadsError([WORKLOAD], INFO),
        ForeignTableError("measured elsewhere", "measure here", have=INFO, want=INFO, differing=("threads",)),
        ConversionError("net to TFLite", "no kernel", layer="3.op"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_comes_whole_out_of_another_process(error: PnasError) -> None:
    there = pickle.loads(pickle.dumps(error))
    assert type(there) is type(error)
    assert (str(there), there.what, there.way_out) == (str(error), error.what, error.way_out)
    assert {name: str(value) for name, value in vars(there).items()} == {
        name: str(value) for name, value in vars(error).items()
    }
