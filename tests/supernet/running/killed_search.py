"""The search that test_kills.py kills: small, with dropout in blocks, and always busy with a checkpoint."""

import warnings
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

import torch
from attrs import evolve
from torch import Tensor, nn

from pnas_ops import (
    CellSpace,
    CellStackSpec,
    MBConv,
    Space,
    darts_space,
    digits_mbconv_space,
    digits_network_space,
    to_json,
)
from pnas_supernet import ProxylessNAS, SearchConfig, SuperNet, derive

EPOCHS = 6
STEPS = 22
SAVED_EVERY = 3


def one_cell() -> CellSpace:
    """A cell of DARTS's, whose nodes choose their inputs."""
    space = darts_space(8 / 36, blocks_per_stage=1, resolution=8, in_channels=1)
    (block,) = space.body
    assert isinstance(block.op, CellStackSpec)
    stack = evolve(block.op, cells=(1,), reduction=None)
    return evolve(
        space,
        body=(evolve(block, op=stack, out_channels=stack.out_channels, stride=1),),
        head=evolve(space.head, in_channels=stack.out_channels),
    )


SPACES: dict[str, Space] = {
    "blocks": digits_mbconv_space(resolution=8),
    "cells": one_cell(),
    "networks": digits_network_space(resolution=8),
}


def run(
    folder: Path, space: str, gate: Literal["exact", "two-path"], connection: Connection, *, saves: bool = True
) -> None:
    """Begins the search in `folder` or takes it up, tells of it, and leaves `final.pt` when it is complete.

    Sends whether there was a checkpoint, then the number of every weight step, counted from 1 over all epochs.
    """
    torch.set_num_threads(1)
    warnings.simplefilter("error")  # Such as the one about a damaged checkpoint, which no kill may leave.
    network = make_network(space)
    search = ProxylessNAS(
        network,
        SearchConfig(warmup_epochs=1, epochs=EPOCHS - 1, arch_interval=2, alpha_lr=0.05, gate=gate),
        generator=torch.Generator().manual_seed(1),
    )
    checkpoint = folder / "search.pt"
    connection.send(search.resume(checkpoint))

    def on_step() -> None:
        if saves and search.step % SAVED_EVERY == 0:
            search.save(checkpoint)
        connection.send(len(search.history) * STEPS + search.step)

    while search.epochs_left:
        epoch = len(search.history)
        search.run_epoch(make_batches(epoch, STEPS), make_batches(100 + epoch, 7), on_step=on_step)
        if saves:
            search.save(checkpoint)
    torch.save({"search": search.state_dict(), "architecture": to_json(derive(network))}, folder / "final.pt")


def make_network(space: str) -> SuperNet:
    """A supernet whose checkpoint has a few MB, so that writing it takes some time."""
    network = SuperNet(SPACES[space], generator=torch.Generator().manual_seed(0))
    if space == "blocks":
        for mbconv in [module for module in network.modules() if isinstance(module, MBConv)]:
            mbconv.append(nn.Dropout(0.1))
    return network


def make_batches(seed: int, count: int) -> list[tuple[Tensor, Tensor]]:
    """The same ones each time that they are made from the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(4, 1, 8, 8, generator=generator), torch.randint(10, (4,), generator=generator))
        for _ in range(count)
    ]
