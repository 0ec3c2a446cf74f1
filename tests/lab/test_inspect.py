"""`pnas-lab inspect`."""

import json
from pathlib import Path

import matplotlib.image
import pytest
import torch
import torchvision

from command_line import Lab, assert_refused
from pnas_lab.nets import read_model
from pnas_lab.torchvision_nets import torchvision_names
from pnas_ops import (
    account_of,
    architecture_account,
    baseline,
    count_macs,
    digits_mbconv_space,
    released,
    save_json,
    to_json,
)

NETS = ["resnet18", "efficientnet_b0"]


@pytest.mark.parametrize("name", NETS)
def test_a_net_of_torchvision_is_what_it_publishes(lab: Lab, name: str) -> None:
    found = json.loads(lab("inspect", name, "--json").output)
    with torch.device("meta"):
        net = torchvision.models.get_model(name, weights=None)
    assert found["macs"] == count_macs(net, (1, 3, 224, 224)) == sum(line["macs"] for line in found["operators"])
    meta = torchvision.models.get_model_weights(name).DEFAULT.meta
    assert found["published"] == {"resolution": 224, "parameters": meta["num_params"], "gmacs": meta["_ops"]}
    assert (found["parameters"], round(found["macs"] / 1e9, 3)) == (meta["num_params"], meta["_ops"])
    worst = found["operators"][found["peak_operator"]]
    assert worst["alive_bytes"] == sum(one["size_bytes"] for one in worst["alive"]) == found["peak_activation_bytes"]
    assert worst["alive_bytes"] == max(line["alive_bytes"] for line in found["operators"])


def test_the_table_has_a_line_an_operator_and_fits_a_terminal(lab: Lab) -> None:
    lines = lab("inspect", "resnet18").output.splitlines()
    assert max(map(len, lines[:-4])) <= 80
    with torch.device("meta"):
        net = torchvision.models.resnet18()
    account = account_of(net, [(1, 3, 224, 224)])
    assert sum(" conv " in line for line in lines) == 20
    assert any(
        line.split() == ["layer1.0.conv2", "conv", "3x3", "64x56²", "116M", "37.0k", "2.41MB", "803kB", "65.9", "27"]
        for line in lines
    )
    assert lines[-4:] == [
        f"{account.macs:,} MACs, 11,689,512 parameters, 46.8MB of weights, 23.1 MACs a byte moved",
        "Peak memory 4.01MB, at maxpool (max pool 3x3/2)",
        "Published: 1.814 GMACs, 11,689,512 parameters",
        "To draw it: --picture FILE.png",
    ]


def test_a_net_of_ours_by_name_and_by_file(lab: Lab, tmp_path: Path) -> None:
    named = json.loads(lab("inspect", "proxyless_cpu", "--json").output)
    assert named["macs"] == architecture_account(released("proxyless_cpu")).macs
    named = json.loads(lab("inspect", "mnasnet_a1", "--json").output)
    assert named["parameters"] == architecture_account(baseline("mnasnet_a1")).parameters
    net = digits_mbconv_space().architecture([0] * 6, name="little")
    save_json(net, tmp_path / "net.json")
    found = json.loads(lab("inspect", "net.json", "--resolution", 20, "--dtype", "int8", "--json").output)
    assert (found["net"], found["input_shape"], found["published"]) == ("little", [1, net.in_channels, 20, 20], None)


def test_a_function_of_the_users_own(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "mine_for_inspect.py").write_text(
        "from torch import nn\n"
        "def make(classes):\n    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 900, classes))\n"
        "def number():\n    return 3\n"
        "def broken():\n    raise ValueError('not today')\n"
    )
    file = "mine_for_inspect.py"
    found = json.loads(lab("inspect", f"{file}:make", "--classes", 5, "--resolution", 32, "--json").output)
    assert found["macs"] == 8 * 27 * 900 + 8 * 900 * 5
    assert_refused(lab("inspect", f"{file}:make"), "make takes the number of classes: give it with --classes")
    assert_refused(lab("inspect", f"{file}:number", "--classes", 5), "number takes no number of classes: leave out")
    assert_refused(lab("inspect", f"{file}:number"), "number returned a int: let it return a torch.nn.Module")
    assert_refused(lab("inspect", f"{file}:broken"), f"check line 7 of {file}: broken raised ValueError: not today")
    assert_refused(lab("inspect", f"{file}:other"), "has no function other: name one that returns a torch.nn.Module")
    assert_refused(
        lab("inspect", f"{file}:make", "--classes", 5, "--resolution", 33),
        "Sequential does not run on 1x3x33x33: RuntimeError: .*: give shapes that it takes",
    )


def test_inputs_of_any_shape(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "shapes_for_inspect.py").write_text(
        "from torch import nn\ndef grey():\n    return nn.Conv2d(1, 4, 3)\ndef rows():\n    return nn.Linear(7, 3)\n"
    )
    file = "shapes_for_inspect.py"
    found = json.loads(lab("inspect", f"{file}:grey", "--input-shape", "1,28,10", "--json").output)
    assert (found["input_shape"], found["macs"]) == ([1, 1, 28, 10], 4 * 9 * 26 * 8)
    assert json.loads(lab("inspect", f"{file}:rows", "--input-shape", "7", "--json").output)["macs"] == 21
    found = json.loads(lab("inspect", "resnet18", "--input-shape", "3,64,96", "--json").output)
    with torch.device("meta"):
        net = torchvision.models.resnet18()
    assert (found["macs"], found["published"]) == (count_macs(net, (1, 3, 64, 96)), None)
    found = json.loads(lab("inspect", "proxyless_cpu", "--input-shape", "3,96,96", "--json").output)
    assert found["input_shape"] == [1, 3, 96, 96]


def test_memory_is_drawn(lab: Lab, tmp_path: Path) -> None:
    assert lab("inspect", "mobilenet_v2", "--picture", "lab.png").output.endswith("Drawn in lab.png\n")
    height, width, _ = matplotlib.image.imread(tmp_path / "lab.png").shape
    assert width > height > 500


def test_parameters_for_training_are_told_apart(lab: Lab) -> None:
    shown = lab("inspect", "inception_v3").output
    assert "3,326,696 parameters are read by no operator: they are for training only" in shown
    assert "Published: 5.713 GMACs, 27,161,264 parameters" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("resnet81",),
            r"there is no net 'resnet81': name one like resnet18, .*, or a file that ends in .json, or FILE",
        ),
        (("qqq",), r"there is no net 'qqq': name one like"),
        (("none.json",), r"there is no file none.json: name a net's file"),
        (("none.py:make",), r"there is no file none.py"),
        (("mnasnet_a1", "--classes", "5"), r"mnasnet_a1 has its own number of classes: leave out --classes"),
        (("resnet18", "--classes", "0"), r"--classes must be a whole number from 1 to 1,000,000, got 0"),
        (("alexnet", "--input-shape", "1,64,64"), r"AlexNet does not run on 1x1x64x64: RuntimeError: .*: give shapes"),
        (("alexnet", "--input-shape", "3,x"), r"each size of --input-shape must be a whole number from 1 to .*, got x"),
        (
            ("alexnet", "--input-shape", "3,64,64", "--resolution", "64"),
            r"--input-shape sets the resolution, too: leave out --resolution",
        ),
        (
            ("mnasnet_a1", "--input-shape", "1,64,64"),
            r"mnasnet_a1 takes square images of 3 channels: give --resolution instead of --input-shape",
        ),
        (("alexnet", "--resolution", "20"), r"AlexNet does not run on 1x3x20x20: RuntimeError: .*: give shapes"),
        (("proxyless_cpu", "--resolution", "1"), r"resolution 1 of 'proxyless_cpu' is used up before block 0: give a"),
        (
            ("vit_b_16", "--resolution", "100"),
            r"torchvision cannot make vit_b_16 with .* --resolution \(.*\): give others",
        ),
        (("resnet18", "--picture", "lab.jpg"), r"lab.jpg cannot name a picture"),
    ],
)
def test_what_cannot_be_looked_at(lab: Lab, arguments: tuple[str, ...], message: str) -> None:
    assert_refused(lab("inspect", *arguments), message)


def test_a_file_that_is_no_net_is_refused(lab: Lab, tmp_path: Path) -> None:
    save_json(digits_mbconv_space(), tmp_path / "space.json")
    (tmp_path / "text.json").write_text("hello")
    known = to_json(digits_mbconv_space().architecture([0] * 6, name="little"))
    (tmp_path / "own.json").write_text(known.replace('"kind": "MBConv"', '"kind": "Ghost"', 1))
    assert_refused(
        lab("inspect", "own.json"), r"own.json: .*not known here: 'Ghost': install the package that has them"
    )
    assert_refused(lab("inspect", "space.json"), r"space.json: holds SearchSpace version 1, expected Architecture")
    assert_refused(lab("inspect", "text.json"), r"text.json: not JSON: .*: name a net's file")


@pytest.mark.slow
@pytest.mark.parametrize("name", torchvision_names())
def test_every_net_of_torchvision_is_what_it_publishes(name: str) -> None:
    model = read_model(name, classes=None)
    account = account_of(model.module, [model.input_shape])
    assert model.published is not None
    assert account.parameters == model.published.parameters
    assert account.macs / 1e9 == pytest.approx(model.published.gmacs, abs=0.0006)
