"""Nets of cells are the same on every runtime."""

from pathlib import Path

import pytest
import torch

from cell_nets import ALL_CONVOLUTIONS, DARTS_V2
from pnas_export import export_onnx, export_tflite, installed_runtimes, verify_files
from pnas_ops import Architecture, build_network, darts_space, nas_bench_201_space, read_genotype

DARTS = darts_space(8 / 36, blocks_per_stage=1, resolution=16)
BENCH = nas_bench_201_space(0.5, blocks_per_stage=1, resolution=16)


@pytest.mark.slow
@pytest.mark.parametrize(
    "net",
    [
        read_genotype(DARTS_V2, DARTS, name="darts"),
        DARTS.sample(torch.Generator().manual_seed(0), name="any"),
        read_genotype(ALL_CONVOLUTIONS, BENCH, name="bench"),
        read_genotype("|none~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|none~2|", BENCH, name="nones"),
    ],
    ids=lambda net: net.name,
)
def test_a_net_of_cells_agrees_on_every_runtime(net: Architecture, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    network = build_network(net, generator=generator).eval()
    files = [tmp_path / "net.onnx", tmp_path / "net.tflite"]
    for export, file in zip((export_onnx, export_tflite), files, strict=True):
        export(network, net.input_shape, file)
    proofs = verify_files(network, files, torch.randn(2, *net.input_shape[1:], generator=generator))
    assert {proof.runtime for proof in proofs} == {runtime.name for runtime in installed_runtimes()}
