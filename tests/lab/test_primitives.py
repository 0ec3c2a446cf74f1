"""`pnas-lab primitives`."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib.image
import pytest

from command_line import Lab, assert_refused
from pnas_ops import (
    Architecture,
    DeviceInfo,
    Measurement,
    Progress,
    architecture_account,
    primitives,
    report_progress,
    summarize_samples,
)


def test_the_document_is_what_the_library_counts(lab: Lab) -> None:
    found = json.loads(lab("primitives", "--channels", 32, "--resolution", 14, "--dtype", "int8", "--json").output)
    assert (found["channels"], found["resolution_pixels"], found["dtype"], found["device"]) == (32, 14, "int8", None)
    plain, *_ = found["operations"]
    for row, one in zip(found["operations"], [one for one in primitives(32) if one.blocks], strict=True):
        account = architecture_account(one.net(14), dtype="int8")
        assert row["operation"] == one.name
        assert (row["macs"], row["parameters"], row["weight_bytes"]) == (
            account.macs,
            account.parameters,
            account.parameters,
        )
        assert row["peak_activation_bytes"] == account.peak_activation_bytes
        assert row["times_the_macs"] == account.macs / plain["macs"]
        assert row["latency_ms"] is None


def test_the_table_fits_a_terminal(lab: Lab) -> None:
    lines = lab("primitives", "--channels", 2048, "--resolution", 7).output.splitlines()
    assert max(map(len, lines)) <= 80
    rows = {line[:22].strip(): line.split() for line in lines}
    assert rows["3x3 convolution"][2:5] == ["1.85G", "1.00", "37.8M"]
    # 8.5 times less.
    assert rows["bottleneck"][1:3] == ["218M", "0.12"]
    assert lines[-1] == "To draw it: --picture FILE.png"


def test_what_cannot_stand_is_left_out_with_the_reason(lab: Lab) -> None:
    shown = lab("primitives", "--channels", 6, "--resolution", 8)
    assert "Left out: grouped 3x3. group4-3x3 needs channels that are multiples of 4, got 6->6 s1" in shown.output
    assert "grouped 3x3" in json.loads(lab("primitives", "--channels", 6, "--json").output)["left_out"]


def test_one_channel_and_one_pixel_are_a_shape(lab: Lab) -> None:
    assert lab("primitives", "--channels", 1, "--resolution", 1).exit_code == 0


class StandIn:
    """A device on which the first net takes 0.5 ms and each other 0.5 ms more, in batches of 2."""

    info = DeviceInfo(device="a board", runtime="rt", runtime_version="1", threads=1, dtype="float32", batch=2)

    def measure(
        self, rows: Sequence[object], *, nets: Sequence[Architecture], progress: Progress | None
    ) -> Iterator[tuple[Architecture, Measurement]]:
        assert not rows
        for number, net in enumerate(nets):
            report_progress(progress, "measuring", number + 1, len(nets))
            yield net, summarize_samples([0.5 * (number + 1)] * 2)


def test_latencies_stand_beside_that_of_the_plain_convolution(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pnas_lab.primitives.parse_device", lambda *_, **__: StandIn())
    asked = ("primitives", "--channels", 100, "--resolution", 10, "--device", "board", "--cache-dir", tmp_path)
    lines = lab(*asked, "--picture", "lab.png").output.splitlines()
    rows = {line[:22].strip(): line.split()[-3:] for line in lines}
    # Of 2 images, 9 million MACs each.
    assert rows["3x3 convolution"] == ["0.5000", "1.00", "36.0"]
    assert rows["1x1 convolution"] == ["1.0000", "2.00", "2.0"]
    assert lines[-1] == "Drawn in lab.png"
    height, width, _ = matplotlib.image.imread(tmp_path / "lab.png").shape
    assert width > height > 500
    document = json.loads(lab(*asked, "--json").output)  # and nothing of the progress
    assert [row["latency_ms"] for row in document["operations"][:3]] == [0.5, 1.0, 1.5]
    assert document["device"] == str(StandIn.info)


def test_a_device_measures_them(lab: Lab, tmp_path: Path) -> None:
    asked = ("primitives", "--channels", 4, "--resolution", 4, "--device", "torch-cpu", "--cache-dir", tmp_path)
    assert all(row["latency_ms"] > 0 for row in json.loads(lab(*asked, "--json").output)["operations"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--channels", 0), r"--channels must be a whole number from 1 to 65,536, got 0: give another number"),
        (("--resolution", 0), r"--resolution must be a whole number from 1 to 8,192, got 0: give another number"),
        (("--device", "toaster"), r"there is no device 'toaster': name one of torch-cpu"),
        (
            ("--device", "torch-cpu", "--dtype", "int8"),
            r"torch-cpu does not measure 'int8': it has float32, float16",
        ),
        (("--picture", "lab.pdf"), r"lab.pdf cannot name a picture: give --picture a name that ends in .png"),
        (
            ("--picture", "nowhere/lab.png"),
            r"nowhere/lab.png cannot be written: give --picture a file in an existing folder",
        ),
    ],
)
def test_what_cannot_be_asked(lab: Lab, arguments: tuple[object, ...], message: str, tmp_path: Path) -> None:
    assert_refused(lab("primitives", *arguments), message)
    assert not list(tmp_path.iterdir())


def test_an_unknown_dtype_is_refused_with_those_that_are_known(lab: Lab) -> None:
    result = lab("primitives", "--dtype", "int4")
    assert result.exit_code == 2
    assert "'int4' is not one of 'float32', 'float16', 'int8'" in result.stderr
    assert result.stderr.count("\n") == 1
