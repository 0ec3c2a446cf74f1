"""Weights in files: what is no set of weights of a net is told in one line."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn

from pnas_ops import FormatError, load_weights, read_weights, save_weights


def make_net(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_weights(make_net(0), tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def test_weights_come_back_bit_for_bit_whatever_their_layout(tmp_path: Path) -> None:
    saved, loaded = make_net(0).to(memory_format=torch.channels_last), make_net(1)
    save_weights(saved, tmp_path / "net")
    load_weights(loaded, tmp_path / "net")
    for name, tensor in saved.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)


WHOLE = {name: tensor.clone() for name, tensor in make_net(0).state_dict().items()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0.bias": torch.full((4,), float("nan"))}, "0.bias is not finite"),
        ({"1.running_var": torch.tensor([1, 2, float("inf"), 0.5])}, "1.running_var is not finite"),
        ({"0.bias": torch.zeros(5)}, r"weights of this net: 0.bias is \(5,\) in torch.float32, not \(4,\) in"),
        ({"0.bias": torch.zeros(4).double()}, r"0.bias is \(4,\) in torch.float64, not \(4,\) in torch.float32"),
        ({"2.weight": torch.zeros(1)}, "2.weight is unknown"),
    ],
)
def test_tensors_that_are_not_the_nets_are_named_and_change_nothing(
    change: dict[str, Tensor], message: str, path: Path
) -> None:
    path.write_bytes(save(WHOLE | change))
    net = make_net(1)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(FormatError, match=rf"weights\.safetensors: .*{message}"):
        load_weights(net, path)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_a_missing_tensor_is_named(path: Path) -> None:
    path.write_bytes(save({name: tensor for name, tensor in WHOLE.items() if name != "0.weight"}))
    with pytest.raises(FormatError, match=r"weights\.safetensors: not the weights of this net: 0.weight is missing$"):
        load_weights(make_net(0), path)


def test_any_truncation_and_anything_else_is_told_in_one_line(path: Path) -> None:
    raw = path.read_bytes()
    others = [b"", b"\0" * 8, b"\xff" * 8, b"junk" * 100, os.urandom(500), b'{"schema": 1}', b"[" * 10**5]
    headers = [
        b'{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","shape":[9999999999],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}',
        b"{" * 1000,
    ]
    others += [len(header).to_bytes(8, "little") + header + b"\0" * 4 for header in headers]
    for content in [*(raw[:end] for end in range(len(raw))), *others]:
        path.write_bytes(content)
        with pytest.raises(FormatError, match=r"weights\.safetensors: not weights in safetensors: ") as caught:
            read_weights(path)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < len(str(path)) + 300


def test_a_folder_is_no_file_and_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="a folder, not weights"):
        read_weights(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_weights(tmp_path / "none")
