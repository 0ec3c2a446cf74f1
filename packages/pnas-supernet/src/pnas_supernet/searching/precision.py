"""The number formats of forward passes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import torch

Precision = Literal["float32", "bfloat16", "float16"]
"""The number format of forward passes; weights and loss stay float32, and float16 needs loss scaling."""

AUTOCAST_DTYPES: Mapping[Precision, torch.dtype | None] = MappingProxyType(
    {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
)
"""The `Execution.autocast` for each precision; None casts nothing."""
