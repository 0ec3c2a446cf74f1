"""The command for nets that ProxylessNAS released, on a small net in the original's files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from command_line import assert_refused
from original_configs import block, conv, mobile, plain
from original_nets import OriginalNet
from pnas_apps.cli import released_nets
from pnas_cifar10.cli import main
from pnas_export import ParityError, installed_runtimes
from pnas_latency import LatencyTable
from pnas_ops import Architecture, ReleasedName, load_json, read_original_config, released
from tables import uniform_table


@pytest.fixture
def config(tmp_path: Path) -> Path:
    mbconv = {"name": "MBInvertedConvLayer", "in_channels": 4, "out_channels": 4, "kernel_size": 5, "stride": 1}
    blocks = [
        block(conv((4, 4), stride=2)),
        block(mbconv | {"expand_ratio": 3}, plain("IdentityLayer", 4)),
        block({"name": "ZeroLayer", "stride": 1}, plain("IdentityLayer", 4)),
    ]
    path = tmp_path / "small.config"
    path.write_text(json.dumps(mobile() | {"blocks": blocks}))
    return path


def show(net: str | Path, out: Path, *options: str | Path) -> Result:
    given = ["released", net, "--out", out, "--cache-dir", out.parent / "cache", *options]
    return CliRunner().invoke(main, [str(part) for part in given])


def test_a_net_with_weights_is_measured_drawn_and_shipped(
    config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    original = OriginalNet(config)
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    expected = original(images)
    torch.save(original.state, tmp_path / "small.pth")
    out = tmp_path / "new" / "small"
    result = show(config, out, "--weights", tmp_path / "small.pth", "--device", "torch-cpu")
    assert result.exit_code == 0, result.output
    names = {"architecture.json", "architecture.png", "net.onnx", "net.tflite", "table.json"}
    assert {path.name for path in out.iterdir()} == names
    net, table = load_json(out / "architecture.json", Architecture), LatencyTable.load(out / "table.json")
    assert net == read_original_config(config)
    assert [entry.architecture for entry in table.nets] == [net]
    assert (
        f"{table.predict_ms(net):.3f} ms predicted, {table.nets[0].total_ms:.3f} ms measured" in capfd.readouterr().out
    )
    assert np.asarray(Image.open(out / "architecture.png")).std() > 1
    for runtime in installed_runtimes():
        for path in filter(runtime.supports, (out / "net.onnx", out / "net.tflite")):
            torch.testing.assert_close(runtime.load(path)(images), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ParityError("differs by 1 of the largest logit")])
def test_a_file_that_is_not_proven_is_not_left(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def fail(network: object, files: list[Path], images: object) -> None:
        assert all(path.exists() for path in files)
        raise failure

    original = OriginalNet(config)
    original(torch.randn(2, 3, 224, 224))
    torch.save(original.state, tmp_path / "small.pth")
    uniform_table(read_original_config(config)).save(tmp_path / "mine.json")
    monkeypatch.setattr(released_nets, "verify_files", fail)
    out = tmp_path / "out"
    assert show(config, out, "--weights", tmp_path / "small.pth", "--table", tmp_path / "mine.json").exit_code != 0
    assert not list(out.glob("net.*"))


@pytest.mark.parametrize("name", ["proxyless_gpu", "proxyless_cifar"])
def test_a_table_prices_a_net_by_its_name(
    name: ReleasedName, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    net = released(name)
    uniform_table(net, 0.25).save(tmp_path / "mine.json")
    result = show(name, tmp_path / "out", "--table", tmp_path / "mine.json")
    assert result.exit_code == 0, result.output
    computing = sum(not block.computes_nothing for block in net.blocks)
    assert f"MACs, {0.25 * computing:.3f} ms predicted on" in capfd.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "architecture.json",
        "architecture.png",
        "table.json",
    }


def test_what_is_wrong_is_named_and_nothing_is_written(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert_refused(
        show("proxyless_tpu", out), "no released net or file 'proxyless_tpu': name one of proxyless_mobile, "
    )
    broken = tmp_path / "broken.config"
    broken.write_text("{}")
    assert_refused(show(broken, out), r"broken\.config: ")
    uniform_table(released("proxyless_cpu")).save(tmp_path / "other.json")
    assert_refused(
        show("proxyless_gpu", out, "--table", tmp_path / "other.json"),
        r"other\.json lacks \d+ blocks of proxyless_gpu, such as .*: leave out --table",
    )
    assert_refused(show("proxyless_gpu", out, "--weights", config), "small.config: not a checkpoint of weights alone")
    missing = tmp_path / "missing.pth"
    assert_refused(show("proxyless_gpu", out, "--weights", missing), r"missing\.pth cannot be used \(No such file")
    assert not out.exists()
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    assert_refused(show("proxyless_gpu", out), "out is not empty: give another --out")
