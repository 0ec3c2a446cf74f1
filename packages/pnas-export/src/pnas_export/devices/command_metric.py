"""Any cost of a file that a command prints, such as the energy shown by a meter."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from attrs import field, frozen
from attrs.converters import optional
from attrs.validators import in_, matches_re

from pnas_export.blocks.signatures import convert_workloads, needed_workloads
from pnas_export.devices.block_files import FileDtype, block_files
from pnas_export.devices.command_line import check_template, run_template
from pnas_export.ground.programs import DeviceError, Finished
from pnas_ops import AnyNet, AnyWorkload, FilePath, ModuleBuilder, Progress, Range, report_progress

_COST = Range(0.0, 1e18)


@frozen(kw_only=True)
class CommandMetric:
    """Runs a command for each block that prints the cost of one inference of its file: a number, as its last line.

    Attributes:
        name: of the cost, which ends with its unit: "energy_mj".
        template: the command, as `CommandDevice` takes it.
        threads: the value of {threads}.
        dtype: of the files, as in `FileByFileDevice`.
        timeout_s: seconds after which a file is given up.
        cache: a folder for converted files.
        log: a file that receives what the converter prints; dropped if None.
    """

    name: str = field(validator=matches_re(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)+"))
    template: str
    threads: int = field(default=1, validator=Range(1, 1024, whole=True))
    dtype: FileDtype = field(default="float32", validator=in_(("float32", "int8")))
    timeout_s: float = field(default=300.0, validator=Range(0.0, 1e6, above=True))
    cache: Path | None = field(default=None, converter=optional(Path))
    log: Path | None = field(default=None, converter=optional(Path))

    def __attrs_post_init__(self) -> None:
        check_template(self.template)

    def of_file(self, path: FilePath, what: str = "") -> float:
        """The cost of one inference of a TFLite file, including that of the call.

        Raises:
            DeviceError: naming the command and the file.
        """
        try:
            finished = run_template(self.template, Path(path), threads=self.threads, timeout_s=self.timeout_s)
            return _read_cost(finished)
        except ValueError as error:
            raise DeviceError(
                f"command {self.template!r} did not tell {self.name} of {what or path}: {error}",
                "run it by hand to see why",
            ) from None

    def of_a_call(self) -> float:
        """The cost of a file that computes almost nothing, which also shows whether the command works at all.

        Raises:
            DeviceError: as `of_file`.
        """
        model = convert_workloads([], cache=self.cache, log=self.log)
        with closing(block_files([], model, {}, dtype=self.dtype, log=self.log)) as files:
            file = next(files)
            return self.of_file(file.path, file.what)

    def measure(
        self,
        rows: Sequence[Sequence[AnyWorkload]],
        nets: Sequence[AnyNet] = (),
        *,
        build: ModuleBuilder | None = None,
        progress: Progress | None = None,
    ) -> Iterator[tuple[AnyWorkload | AnyNet | None, float]]:
        """The cost of an empty call, with the key None; then that of each workload of `rows` and each net, less it.

        Args:
            rows: the workloads at each position of a net, each once, without those that compute nothing.
            nets: whole nets.
            build: makes the modules and the nets of a `ModuleSpace`.
            progress: told about "converting", then about "measuring".

        Raises:
            DeviceError: naming the block; earlier measurements are valid.
            ConversionError: naming the workload that the converter refuses.
        """
        blocks = needed_workloads(rows, nets)
        keys = [*dict.fromkeys(one for row in rows for one in row), *nets]
        if not keys:
            return
        report_progress(progress, "converting", 0, 1)
        model = convert_workloads([*blocks], build=build, cache=self.cache, log=self.log)
        report_progress(progress, "converting", 1, 1)
        overhead = 0.0
        files = block_files(keys, model, blocks, dtype=self.dtype, build=build, cache=self.cache, log=self.log)
        with closing(files):
            for done, file in enumerate(files):
                found = self.of_file(file.path, file.what)
                if file.key is None:
                    overhead = found
                    yield None, overhead
                else:
                    yield file.key, max(0.0, found - overhead)
                report_progress(progress, "measuring", done, len(keys))


def _read_cost(finished: Finished) -> float:
    *_, last = ["", *finished.output.split()]
    try:
        found = float(last)
    except ValueError:
        found = -1.0
    if finished.code != 0 or found not in _COST:
        raise ValueError(
            f"it ended with code {finished.code} and printed {finished.last_line}, not a number from 0 at the end"
        )
    return found
