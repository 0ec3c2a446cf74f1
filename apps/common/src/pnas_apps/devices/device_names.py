"""Devices by the names that they have on the command line."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pnas_apps.devices.device_kinds import KINDS, DeviceKind, DeviceRequest, installed_kind, without_program
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.run.device_settings import Dtype

if TYPE_CHECKING:
    from pnas_latency import Device

DEVICES_HELP = """\
torch-cpu, torch-cuda                PyTorch on this machine, also in batches
tflite, tflite-runtime, onnxruntime  exported files on this machine
adb, adb:SERIAL                      an Android phone
cmd:COMMAND                          a command that times the file {model}:
                                     'cmd:ssh board bench {model}'
NAME                                 a device that an installed package
                                     registers in the group pnas.devices
Options go before the colon: adb,cpus=4-7:SERIAL, adb,statistic=avg,
cmd,statistic=avg:COMMAND; cmd,probe=no:COMMAND (for a simulator, whose speed
never changes; it then times half as many files);
torch-cuda,mode=graph,batch=8 (8 images at once, as a CUDA graph; or
mode=eager, mode=compile); onnxruntime,provider=cuda (needs
onnxruntime-gpu)."""

DEVICE_KINDS = tuple(KINDS)
"""What devices are called, before options and what follows the colon; those of installed packages have other names."""


def look_for_device(text: str) -> None:
    """Refuses what can be refused by its name and by the programs that are here, importing nothing heavy.

    Args:
        text: see `DEVICES_HELP`.

    Raises:
        UserError: for a device or an option that does not exist, and for one whose program is not here.
    """
    kind, _, rest = _named(text)
    program = kind.program(rest or "")
    if program is not None and shutil.which(program) is None:
        raise UserError(f"device {text!r} cannot be used: {without_program(program)}")


def parse_device(text: str, *, threads: int, dtype: Dtype, cache: Cache, log: Path | None) -> "Device":
    """The device that a command line names, ready to measure with.

    Args:
        text: see `DEVICES_HELP`.
        threads: of its runtime.
        dtype: "float32", or another that the device has.
        cache: of conversions.
        log: a file that receives what converters print; dropped if None.

    Raises:
        UserError: for a device, an option or a dtype that does not exist, with those that do; and for a device that
            cannot be used here, with the reason.
    """
    kind, options, rest = _named(text)
    if dtype not in kind.dtypes:
        name = text.partition(":")[0].partition(",")[0]
        raise UserError(f"device {name} does not measure {dtype!r}: it has {', '.join(kind.dtypes)}")
    from pnas_ops import PnasError

    request = DeviceRequest(threads=threads, dtype=dtype, cache=cache.conversions, log=log, rest=rest, options=options)
    try:
        return kind.make(request)
    except ValueError as error:
        # The validators of attrs put more into an error than its message.
        reason = error if isinstance(error, PnasError) else error.args[0]
        raise UserError(f"device {text!r} cannot be used: {reason}") from None


def _named(text: str) -> tuple[DeviceKind, dict[str, str], str | None]:
    """The kind of a device, its options, and what follows the colon."""
    head, colon, rest = text.partition(":")
    name, *pairs = head.split(",")
    kind = KINDS.get(name) or installed_kind(name)
    if kind is None:
        raise UserError(f"there is no device {text!r}: name one of {', '.join(KINDS)} (see --help)")
    if colon and not kind.takes_rest:
        raise UserError(f"device {text!r}: nothing may follow {name}")
    options = _options(text, pairs)
    if unknown := sorted(options.keys() - set(kind.options)):
        known = ", ".join(kind.options) or "none"
        raise UserError(f"device {text!r} has the unknown option {unknown[0]!r}: {name} has {known}")
    return kind, options, rest if colon else None


def _options(text: str, pairs: Sequence[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name in options:
            raise UserError(f"device {text!r} has the option {name!r} twice: leave one of them")
        options[name] = value
    return options
