"""A small, fixed net, whose latency shows how fast a machine is at the moment; it depends only on the runtime."""

import torch
from torch import nn

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.specs import ClassifierSpec, ConvSpec, MBConvSpec
from pnas_ops.modules.build import build_network

_SEED = 0

PROBE = Architecture(
    name="probe",
    resolution=48,
    blocks=(
        BlockSpec(op=ConvSpec(kernel_size=3), in_channels=3, out_channels=16, stride=2),
        BlockSpec(op=MBConvSpec(kernel_size=3, expansion=6), in_channels=16, out_channels=24, stride=2),
        BlockSpec(op=MBConvSpec(kernel_size=5, expansion=6), in_channels=24, out_channels=24, residual=True),
        BlockSpec(op=MBConvSpec(kernel_size=3, expansion=6), in_channels=24, out_channels=48, stride=2),
        BlockSpec(op=MBConvSpec(kernel_size=3, expansion=6), in_channels=48, out_channels=48, residual=True),
        BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=48, out_channels=10),
    ),
)
"""The probe, timed along with everything else: convolutions of both kinds, some hundred thousand bytes of weights, a
fraction of a millisecond. It must never change, or the meaning of old tables would."""


def build_probe() -> nn.Module:
    """The probe as a module in evaluation mode, always with the same weights."""
    return build_network(PROBE, generator=torch.Generator().manual_seed(_SEED)).eval()
