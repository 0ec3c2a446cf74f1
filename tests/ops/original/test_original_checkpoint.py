"""The original's checkpoints: the outputs are the original's, and what does not fit is named."""

import json
import os
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from safetensors.torch import save_file
from torch import Tensor, nn

from original_nets import CIFAR, MOBILE, REASON, REFERENCE, OriginalNet, weights
from pnas_ops import (
    Architecture,
    BlockSpec,
    ClassifierSpec,
    ConvSpec,
    EdgeSpec,
    IdentitySpec,
    MBConvSpec,
    OpSpec,
    PoolSpec,
    PreActivationSeparableConvSpec,
    SeparableConvSpec,
    ZeroSpec,
    build_network,
    load_original_checkpoint,
    pyramid_tree_architecture,
    read_original_config,
    released,
)
from pnas_ops.original.checkpoint import original_keys

HAS_FILES = pytest.mark.skipif(not MOBILE.exists(), reason=REASON)
NET = Architecture(
    name="small",
    resolution=8,
    blocks=(
        BlockSpec(op=ConvSpec(kernel_size=3), in_channels=3, out_channels=4),
        BlockSpec(op=MBConvSpec(kernel_size=3, expansion=1), in_channels=4, out_channels=4),
        BlockSpec(op=ZeroSpec(), in_channels=4, out_channels=4, residual=True),
        BlockSpec(op=ClassifierSpec(hidden_channels=6), in_channels=4, out_channels=2),
    ),
)
FIRST, LAST = "first_conv.conv.weight", "classifier.linear.bias"


def difference(output: Tensor, expected: Tensor) -> float:
    """The largest, by the largest logit."""
    return float((output - expected).abs().max() / expected.abs().max())


def keys_of(net: Architecture) -> dict[str, str]:
    """The original's keys for those of a net."""
    with torch.device("meta"):
        return original_keys(build_network(net), net)


def checkpoint(net: Architecture = NET) -> dict[str, Tensor]:
    """What the original would have saved of a net with random weights."""
    state = build_network(net, generator=torch.Generator().manual_seed(0)).state_dict()
    return {theirs: state[ours] for ours, theirs in keys_of(net).items()}


@HAS_FILES
def test_proxyless_mobile_computes_what_the_original_does(tmp_path: Path) -> None:
    fixture = json.loads((REFERENCE / "proxyless_mobile.fixture.json").read_text())
    state = weights({key: tuple(shape) for key, (shape, _) in fixture["keys"].items()})
    torch.save({"state_dict": state}, tmp_path / "proxyless_mobile.pth")
    network = load_original_checkpoint(tmp_path / "proxyless_mobile.pth", released("proxyless_mobile"))
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(7))
    expected = torch.from_numpy(np.load(REFERENCE / "proxyless_mobile.out.npy"))
    original = OriginalNet(MOBILE, state)
    with torch.no_grad():
        assert difference(network(x), expected) < 1e-4
        # The interpreter by which the other net is judged is right here too.
        assert difference(original(x), expected) < 1e-4
    assert set(original.read) == set(fixture["keys"]) == set(keys_of(released("proxyless_mobile")).values())


@HAS_FILES
def test_proxyless_cifar_computes_what_its_config_says(tmp_path: Path) -> None:
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(7))
    made = OriginalNet(CIFAR)
    with torch.no_grad():
        made(x)
    torch.save(made.state, tmp_path / "proxyless_cifar.pth")
    network = load_original_checkpoint(tmp_path / "proxyless_cifar.pth", read_original_config(CIFAR))
    # In double precision: 54 blocks of random weights enlarge the rounding errors of single precision to 1e-4.
    original = OriginalNet(CIFAR, {key: value.double() for key, value in made.state.items()})
    with torch.no_grad():
        assert difference(network.double()(x.double()), original(x.double())) < 1e-9
    assert set(original.read) == set(made.state)
    assert not any(part.training for part in network.modules())


def zeros(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: torch.zeros_like(value) for key, value in state.items()}


WRAPS: dict[str, Callable[[dict[str, Tensor]], dict[str, Any]]] = {
    "plain": lambda s: s,
    "model": lambda s: {"model": s, "epoch": 3},
    "model_state_dict": lambda s: {"model_state_dict": s, "best": torch.tensor(0.9)},
    "deep": lambda s: {"model": {"state_dict": s}},
    "optimizer": lambda s: {"optimizer": {"state": {0: {"momentum_buffer": next(iter(s.values()))}}}, "state_dict": s},
    "average": lambda s: {"state_dict": zeros(s), "state_dict_ema": s},
    "average of a wrapper": lambda s: {"model": zeros(s), "ema": {"module": s, "n_averaged": torch.tensor(9)}},
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
@pytest.mark.parametrize("prefix", ["", "module.", "net._orig_mod.module."])
def test_every_form_of_the_file_is_read(
    wrap: Callable[[dict[str, Tensor]], dict[str, Any]], prefix: str, tmp_path: Path
) -> None:
    path = tmp_path / "net.pth"
    state = checkpoint()
    torch.save(wrap({prefix + key: value for key, value in state.items()}), path)
    before = torch.random.get_rng_state()
    network = load_original_checkpoint(path, NET)
    assert torch.equal(torch.random.get_rng_state(), before)
    found = network.state_dict()
    assert all(torch.equal(found[ours], state[theirs]) for ours, theirs in keys_of(NET).items())


def test_a_layer_may_be_compiled_by_itself_and_counted(tmp_path: Path) -> None:
    state = checkpoint()
    odd = {key.replace("first_conv.", "first_conv._orig_mod."): value for key, value in state.items()}
    odd |= {"total_ops": torch.zeros(1), "blocks.0.total_params": torch.zeros(1), "module.n_averaged": torch.tensor(3)}
    torch.save(odd, tmp_path / "net.pth")
    found = load_original_checkpoint(tmp_path / "net.pth", NET).state_dict()
    assert all(torch.equal(found[ours], state[theirs]) for ours, theirs in keys_of(NET).items())


def test_a_safetensors_file_is_read(tmp_path: Path) -> None:
    state = checkpoint()
    save_file(state, tmp_path / "net.safetensors")
    found = load_original_checkpoint(tmp_path / "net.safetensors", NET).state_dict()
    assert all(torch.equal(found[ours], state[theirs]) for ours, theirs in keys_of(NET).items())


def test_batch_counters_may_be_missing(tmp_path: Path) -> None:
    state = {key: value for key, value in checkpoint().items() if not key.endswith("num_batches_tracked")}
    torch.save(state, tmp_path / "old.pth")
    network = load_original_checkpoint(tmp_path / "old.pth", NET)
    counters = [part.num_batches_tracked for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    assert counters
    assert not any(counters)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop(LAST), rf"keys missing \(1\): {LAST}$"),
        (lambda s: s.update(extra=torch.zeros(1)), r"keys unexpected \(1\): extra$"),
        (
            lambda s: s.update({FIRST: torch.zeros(4, 3, 5, 5)}),
            rf"keys of another shape \(1\): {FIRST} is \(4, 3, 5, 5\) instead of \(4, 3, 3, 3\)$",
        ),
        (lambda s: s.clear(), "holds no state dict"),
        (
            lambda s: [s.pop(key) for key in list(s) if key.startswith("first_conv.bn") and "batches" not in key],
            r"'small': keys missing \(4\): first_conv\.bn\.weight, .*, \.\.\.$",
        ),
    ],
)
def test_what_does_not_fit_is_named(change: Callable[[dict[str, Any]], Any], message: str, tmp_path: Path) -> None:
    state: dict[str, Any] = checkpoint()
    change(state)
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(ValueError, match=message) as caught:
        load_original_checkpoint(tmp_path / "net.pth", NET)
    assert str(caught.value).startswith(str(tmp_path / "net.pth"))
    assert "\n" not in str(caught.value)


class Harmful:
    """What a malicious file would hold."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return print, ("code from a checkpoint was run",)


def saved(path: Path, content: object, *, zipped: bool = True) -> None:
    torch.save(content, path, pickle_module=pickle, _use_new_zipfile_serialization=zipped)


def cut(path: Path, end: int) -> None:
    torch.save(checkpoint(), path)
    path.write_bytes(path.read_bytes()[:-end])


@pytest.mark.parametrize(
    ("name", "write", "reason"),
    [
        ("net.pth", lambda path: saved(path, {"state_dict": Harmful()}), "holds more than tensors, which is not run"),
        ("net.pth", lambda path: saved(path, nn.Linear(2, 2), zipped=False), "holds more than tensors, which is not r"),
        ("net.pth", lambda path: path.write_bytes(pickle.dumps(Harmful())), "holds more than tensors|is no checkpoint"),
        ("net.pth", lambda path: path.write_text("no checkpoint"), "is no checkpoint"),
        ("net.pth", lambda path: path.write_bytes(b""), "is no checkpoint"),
        ("net.pth", lambda path: path.write_bytes(bytes(999)), "is no checkpoint"),
        ("net.pth", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"), "is no checkpoint"),
        ("net.pth", lambda path: cut(path, 30), "is no checkpoint"),
        ("net.pth", lambda path: cut(path, 9000), "is no checkpoint"),
        ("net.pth", lambda path: zipfile.ZipFile(path, "w").close(), "is no checkpoint"),
        ("net.pth", os.mkfifo, "a pipe, a socket or a device, and no checkpoint: save the net's"),
        ("net.pth", lambda path: path.mkdir(), "a folder and no checkpoint: name the file in it"),
        ("net.pth", lambda path: saved(path, [1]), "holds no state dict: save the net's state_dict"),
        ("net.pth", lambda path: saved(path, {"model": "it", "epoch": 3}), "holds no state dict"),
        ("net.safetensors", lambda path: path.write_bytes(b"text " * 9), "not weights in safetensors"),
    ],
)
def test_code_is_not_run_and_other_files_are_refused(
    name: str, write: Callable[[Path], object], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    write(path)
    with pytest.raises(ValueError, match=rf"{re.escape(name)}: .*({reason})") as caught:
        load_original_checkpoint(path, NET)
    assert "\n" not in str(caught.value)
    assert not re.search("weights_only|allowlist|safe_globals", str(caught.value))
    assert "was run" not in capsys.readouterr().out


def test_the_names_of_all_layers_that_the_original_has() -> None:
    ops: list[OpSpec] = [
        SeparableConvSpec(kernel_size=3),
        MBConvSpec(kernel_size=3, expansion=3),
        PoolSpec(mode="max", kernel_size=3),
    ]
    blocks = [BlockSpec(op=op, in_channels=4, out_channels=4) for op in ops]
    mobile = evolve(NET, blocks=(NET.blocks[0], *blocks, NET.blocks[-1]))
    names = {key.rsplit(".", 1)[0] for key in keys_of(mobile).values()}
    inner = {f"blocks.0.mobile_inverted_conv.{name}" for name in ("depth_conv", "point_conv", "bn")}
    inner |= {
        f"blocks.1.mobile_inverted_conv.{part}.{layer}"
        for part in ("inverted_bottleneck", "depth_conv", "point_linear")
        for layer in ("conv", "bn")
    }
    ends = {"first_conv.conv", "first_conv.bn", "feature_mix_layer.conv", "feature_mix_layer.bn", "classifier.linear"}
    assert names == inner | ends


def test_a_net_that_the_original_cannot_have_is_refused() -> None:
    op = MBConvSpec(kernel_size=3, expansion=3, squeeze_excitation=True)
    squeezed = evolve(NET.blocks[1], op=op)
    message = "the original's checkpoints have no name for mb3-3x3-se at this place"
    with pytest.raises(ValueError, match=message):
        keys_of(evolve(NET, blocks=(NET.blocks[0], squeezed, NET.blocks[-1])))
    edges: list[EdgeSpec] = [
        PreActivationSeparableConvSpec(kernel_size=3),
        *[IdentitySpec()] * 10,
        ConvSpec(kernel_size=3),
    ]
    with pytest.raises(ValueError, match="no name for conv3 at this place"):
        keys_of(pyramid_tree_architecture([edges], name="pyramid"))
