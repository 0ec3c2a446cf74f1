"""The device of a run, as data. Imports nothing heavy, since command lines build it."""

from typing import Literal

from attrs import field, frozen
from attrs.validators import ge, le

Dtype = Literal["float32", "float16", "bfloat16", "int8"]


@frozen(kw_only=True)
class DeviceSettings:
    """The device that a net is searched for, as the command line names it.

    Attributes:
        name: see `pnas_apps.devices.device_names.DEVICES_HELP`.
        threads: of its runtime.
        dtype: of the blocks and nets that are measured.
    """

    name: str = "tflite"
    threads: int = field(default=1, validator=[ge(1), le(1024)])
    dtype: Dtype = "float32"
