"""A phone as a measuring device."""

import contextlib
import shlex
import uuid
from functools import cached_property
from pathlib import Path

from attrs import field, frozen
from attrs.validators import deep_iterable, instance_of

from pnas_export.devices.adb import Phone, find_phone
from pnas_export.devices.benchmark_report import read_benchmark_report
from pnas_export.devices.file_device import FileByFileDevice
from pnas_export.ground.programs import DeviceError
from pnas_ops import DeviceInfo, Measurement, Range

_FOLDER = "/data/local/tmp"


@frozen(kw_only=True)
class AdbDevice(FileByFileDevice):
    """Times each block and each net as a file, with `benchmark_model` on an Android phone.

    Tested with a stand-in for adb that prints what the documentation of the real one says, never with a phone.

    Attributes:
        serial: of the phone, as `adb devices` shows it; the only connected one if None.
        cpus: the numbers of the phone's CPUs to run on; any of them if empty. They differ in speed, so a table holds
            only for those that it was measured on.
        binary: `benchmark_model`, on the phone.
        adb: the program on this machine.
        use_xnnpack: whether XNNPACK computes what it can.
        runs, warmup_runs: least number of each; `benchmark_model` runs for at least a second and half a second.
        threads, dtype, statistic, timeout_s, probe, cache, log: see `FileByFileDevice`.
    """

    serial: str | None = None
    cpus: tuple[int, ...] = field(default=(), validator=deep_iterable(Range(0, 1023, whole=True), instance_of(tuple)))
    binary: str = f"{_FOLDER}/benchmark_model"
    adb: str = "adb"
    use_xnnpack: bool = True
    runs: int = field(default=50, validator=Range(2, 1_000_000, whole=True))
    warmup_runs: int = field(default=2, validator=Range(1, 1_000_000, whole=True))

    @cached_property
    def info(self) -> DeviceInfo:
        """The phone's description, queried once; its version is a hash of `benchmark_model`, which does not report one.

        Raises:
            DeviceError: if the phone or `benchmark_model` is missing.
        """
        model, soc, board = (
            self._phone.ask("shell", f"getprop {name}", what="tell its model").strip()
            for name in ("ro.product.model", "ro.soc.model", "ro.board.platform")
        )
        cpus = f" on CPUs {','.join(map(str, sorted(set(self.cpus))))}" if self.cpus else ""
        options = [name for name, on in (("no XNNPACK", not self.use_xnnpack), ("avg", self.statistic == "avg")) if on]
        return DeviceInfo(
            device=f"{model} ({soc or board}){cpus}",
            runtime=" ".join(["benchmark_model", *options]),
            runtime_version=self._binary_hash(),
            threads=self.threads,
            dtype=self.dtype,
        )

    def time_file(self, path: Path, what: str) -> Measurement:
        """Copies a TFLite file to the phone, times it there and removes it.

        Raises:
            DeviceError: naming the phone and the file.
        """
        remote = f"{_FOLDER}/pnas-{uuid.uuid4().hex}.tflite"
        try:
            self._phone.ask("push", str(path), remote, what=f"take {what}", timeout_s=self.timeout_s)
            command = shlex.join(self._benchmark(remote))
            report = self._phone.ask("shell", command, what=f"time {what}", timeout_s=self.timeout_s)
            try:
                return read_benchmark_report(report, statistic=self.statistic)
            except ValueError as error:
                raise DeviceError(f"{self._phone} did not time {what}: {error}") from None
        finally:
            # A disconnected phone keeps the file; only the first error matters.
            with contextlib.suppress(DeviceError):
                self._phone.call("shell", f"rm -f {remote}")

    @cached_property
    def _phone(self) -> Phone:
        return find_phone(self.adb, self.serial)

    def _binary_hash(self) -> str:
        quoted = shlex.quote(self.binary)
        found = self._phone.call("shell", f"test -x {quoted} && sha256sum {quoted}")
        if found.code != 0 or not found.output.strip():
            raise DeviceError(
                f"{self._phone} has no program {self.binary}",
                "get benchmark_model for Android from "
                "https://ai.google.dev/edge/litert/models/measurement, then "
                f"adb push benchmark_model {self.binary} && adb shell chmod +x {self.binary}",
            )
        return found.output.split()[0][:12]

    def _benchmark(self, remote: str) -> list[str]:
        mask = sum(1 << cpu for cpu in set(self.cpus))
        return [
            *(["taskset", f"{mask:x}"] if mask else []),
            self.binary,
            f"--graph={remote}",
            f"--num_threads={self.threads}",
            f"--num_runs={self.runs}",
            f"--warmup_runs={self.warmup_runs}",
            f"--use_xnnpack={'true' if self.use_xnnpack else 'false'}",
        ]
