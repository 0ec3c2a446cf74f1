"""Tables of accuracies, NAS-Bench-MACRO's among them."""

from pathlib import Path
from statistics import fmean

import pytest
import torch

from pnas_ops import (
    AccuracyTableError,
    BlockSpec,
    ConvSpec,
    LinearConvSpec,
    TableJudge,
    UnknownAccuracyError,
    architecture_macs,
    architecture_parameters,
    build_network,
    cifar_mbconv_space,
    nas_bench_macro_space,
    read_nas_bench_macro,
)

TABLE = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "nas_bench_macro_cifar10.csv"
HEADER = "architecture,accuracy_1,accuracy_2,accuracy_3,parameters,macs\n"
LINES = "00000000,45.32,45.33,45.44,387882,7713280\n00000002,65.40,66.05,66.13,1219370,20910592\n"
"""Of the table, as it was published."""
SPACE = nas_bench_macro_space()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(HEADER + LINES)
    return path


def test_nets_have_the_published_parameters_and_macs(table: Path) -> None:
    known = read_nas_bench_macro(table)
    assert len(known.nets) == known.known(SPACE) == 2
    assert known.known(cifar_mbconv_space()) == 0
    for choices, net in known.nets.items():
        built = SPACE.architecture(choices)
        assert (architecture_parameters(built), architecture_macs(built)) == (net.parameters, net.macs)


def test_the_space_is_the_published_one() -> None:
    assert SPACE.size() == 6561
    assert SPACE.options == (3,) * 8
    first, second = SPACE.mixed[:2]
    assert list(map(str, first)) == ["linearconv1 32->64 s2", "mb3-3x3-relu 32->64 s2", "mb6-5x5-relu 32->64 s2"]
    assert list(map(str, second)) == ["skip 64->64 s1 +x", "mb3-3x3-relu 64->64 s1 +x", "mb6-5x5-relu 64->64 s1 +x"]
    reducing = [rows[0].op == LinearConvSpec(kernel_size=1) for rows in SPACE.mixed]
    assert reducing == [True, False, True, False, False, True, False, False]
    assert SPACE.stem == (BlockSpec(op=ConvSpec(kernel_size=3, activation="relu"), in_channels=3, out_channels=32),)
    activations = {type(module).__name__ for module in build_network(SPACE.architecture([2] * 8)).modules()}
    assert "ReLU" in activations
    assert "ReLU6" not in activations


def test_a_judge_looks_up_the_mean_and_counts_one_training(table: Path) -> None:
    judge = TableJudge(table=read_nas_bench_macro(table), space=SPACE)
    said = judge.judge(SPACE.architecture([0] * 7 + [2], name="mine"), torch.Generator())
    assert said.value == pytest.approx(fmean([0.6540, 0.6605, 0.6613]))
    assert said.epochs == 50


def test_refuses_a_net_that_it_does_not_have(table: Path) -> None:
    judge = TableJudge(table=read_nas_bench_macro(table), space=SPACE)
    with pytest.raises(UnknownAccuracyError, match=r"'table\.csv' has no net 01200000: search the space"):
        judge.judge(SPACE.architecture([0, 1, 2, 0, 0, 0, 0, 0]), torch.Generator())
    with pytest.raises(ValueError, match=r"not in space|is not of space"):
        judge.judge(cifar_mbconv_space().architecture([0] * 9), torch.Generator())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,accuracy\n", "has the columns name,accuracy: a table of NAS-Bench-MACRO has architecture,"),
        ("", "has the columns none"),
        (HEADER + "0000000x,1,2,3,4,5\n", "line 2 of .* is no net"),
        (HEADER + LINES + "00000001,64.34,64.21\n", "line 4 of .* is no net"),
        (HEADER + "00000001,64.34,64.21,nan,1,1\n", "line 2 of .* is no net"),
        (HEADER + "00000001,64.34,64.21,164,1,1\n", "line 2 of .* is no net"),
        (HEADER + "00000001,64.34,64.21,64,1,1,1\n", "line 2 of .* is no net"),
        (HEADER + "00000001,64.34,64.21,64,1,-1\n", "line 2 of .* is no net"),
        (HEADER + LINES + LINES, "line 4 of .* has net 00000000 once more: take the file as it was published"),
        (HEADER + "0" * 200_000, r"is no table \(field larger than field limit"),
    ],
)
def test_refuses_a_file_that_is_no_table(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(AccuracyTableError, match=said):
        read_nas_bench_macro(path)


@pytest.mark.skipif(not TABLE.exists(), reason="needs the table of NAS-Bench-MACRO")
def test_all_nets_of_the_table_have_its_parameters_and_macs() -> None:
    # What a net costs is a sum over its blocks: the 24 candidates and the ends are counted, each once.
    from pnas_latency import MACS, PARAMETERS

    nets = read_nas_bench_macro(TABLE).nets
    choices = torch.tensor(list(nets))
    assert len(nets) == SPACE.size()
    assert MACS.reckoned_all(SPACE, choices).tolist() == [net.macs for net in nets.values()]
    assert PARAMETERS.reckoned_all(SPACE, choices).tolist() == [net.parameters for net in nets.values()]
