"""The keys of other projects' latency tables, and the workloads that they name."""

import re
from collections.abc import Callable, Mapping
from typing import Literal

from attrs import frozen

from pnas_ops import BlockSpec, ClassifierSpec, ConvSpec, GlobalPoolSpec, MBConvSpec, OpSpec, Workload

_SIZE = r"[1-9]\d*"
_KEY = re.compile(rf"(\w+)-input:({_SIZE})x({_SIZE})x({_SIZE})-output:((?:{_SIZE}x{_SIZE}x)?{_SIZE})((?:-[a-z]+:\d+)*)")
EXAMPLE = "Conv-input:224x224x3-output:112x112x32"


@frozen(kw_only=True)
class Dialect:
    """How the keys of one project are to be read.

    A key is a kind of layer with the height, width and channels of its input and output. "Conv" is the first
    convolution, 3x3; "Conv_1" a convolution 1x1 before the average over all pixels, "AvgPool2D" that average by itself,
    and "Conv_2" a convolution 1x1 after it; "Logits" is the linear layer, with the average where its input has several
    pixels; "expanded_conv" is an MBConv.

    Attributes:
        name: the project.
        spread: the name under which a file says how its samples scatter: "var" in ms^2 or "std" in ms.
        activation: what follows "Conv", "Conv_1" and "Conv_2".
        kinds: the layers that the project's tables have.
        read_mbconv: from input channels and a key's options to the operation.
        write_mbconv: from input channels and an operation to a key's options, without those of all keys; None for an
            operation that no key can express.
    """

    name: str
    spread: Literal["var", "std"]
    activation: Literal["relu6", "hswish"]
    kinds: frozenset[str]
    read_mbconv: Callable[[int, Mapping[str, int]], MBConvSpec]
    write_mbconv: Callable[[int, MBConvSpec], Mapping[str, int] | None]

    def workload(self, key: str) -> Workload:
        """The workload that a key names.

        Raises:
            ValueError: in one line, for a text that is not such a key.
        """
        found = _KEY.fullmatch(key)
        if found is None:
            raise ValueError(f"is no key of a {self.name} table, like {EXAMPLE}")
        height, width, in_channels = map(int, found.group(2, 3, 4))
        output = tuple(map(int, found[5].split("x")))
        options = {name: int(value) for name, value in re.findall(r"-([a-z]+):(\d+)", found[6])}
        try:
            op = self._op(found[1], in_channels, options)
            # Only keys of MBConvs give the stride; the others have the least one that gives this output.
            stride = options.get("stride", -(-height // output[0]) if isinstance(op, ConvSpec) else 1)
            block = BlockSpec(
                op=op,
                in_channels=in_channels,
                out_channels=output[-1],
                stride=stride,
                residual=options.get("idskip", 0) == 1,
            )
            workload = Workload(block=block, height=height, width=width)
        except KeyError as error:
            raise ValueError(f"lacks {error.args[0]}:<number>") from None
        if (said := self.key(workload)) != key:
            raise ValueError(f"contradicts itself: {workload} would be {said or 'no key'}")
        return workload

    def key(self, workload: Workload) -> str | None:
        """The inverse of `workload`; None for a workload that no key names."""
        block = workload.block
        options: Mapping[str, int] | None = {}
        match block.op:
            case ConvSpec(dilation=1, activation=self.activation) if not block.residual:
                kind = self._conv_kind(block.op, workload)
            case GlobalPoolSpec():
                kind = "AvgPool2D"
            case ClassifierSpec(hidden_channels=None, pre_activation=False):
                kind = "Logits"
            case MBConvSpec():
                kind, options = "expanded_conv", self.write_mbconv(block.in_channels, block.op)
            case _:
                return None
        if kind not in self.kinds or options is None:
            return None
        if isinstance(block.op, MBConvSpec):
            place = {"kernel": block.op.kernel_size, "stride": block.stride, "idskip": int(block.residual)}
            options = {"expand": options["expand"], **place, **options}
        sizes = () if kind == "Logits" else (block.output_size(workload.height), block.output_size(workload.width))
        source = _shape(workload.height, workload.width, block.in_channels)
        said = "".join(f"-{name}:{value}" for name, value in options.items())
        return f"{kind}-input:{source}-output:{_shape(*sizes, block.out_channels)}{said}"

    def _op(self, kind: str, in_channels: int, options: Mapping[str, int]) -> OpSpec:
        if kind not in self.kinds:
            raise ValueError(
                f"is of the unknown kind {kind!r}; a {self.name} table has {', '.join(sorted(self.kinds))}"
            )
        match kind:
            case "Conv":
                return ConvSpec(kernel_size=3, activation=self.activation)
            case "AvgPool2D":
                return GlobalPoolSpec()
            case "Logits":
                return ClassifierSpec(hidden_channels=None)
            case "expanded_conv":
                return self.read_mbconv(in_channels, options)
        return ConvSpec(kernel_size=1, activation=self.activation)

    def _conv_kind(self, op: ConvSpec, workload: Workload) -> str:
        if op.kernel_size == 3:
            return "Conv"
        if op.kernel_size != 1:
            return ""
        return "Conv_2" if workload.height == workload.width == 1 and "Conv_2" in self.kinds else "Conv_1"


def _shape(*sizes: int) -> str:
    return "x".join(map(str, sizes))


def _read_proxylessnas(in_channels: int, options: Mapping[str, int]) -> MBConvSpec:
    return MBConvSpec(kernel_size=options["kernel"], expansion=options["expand"])


def _write_proxylessnas(in_channels: int, op: MBConvSpec) -> Mapping[str, int] | None:
    plain = op == MBConvSpec(kernel_size=op.kernel_size, expansion=op.expansion)
    return {"expand": op.expansion} if plain else None


def _read_once_for_all(in_channels: int, options: Mapping[str, int]) -> MBConvSpec:
    if options["expand"] % in_channels:
        raise ValueError(f"expands {in_channels} channels to {options['expand']}, which is no multiple of them")
    return MBConvSpec(
        kernel_size=options["kernel"],
        expansion=options["expand"] // in_channels,
        squeeze_excitation=options["se"] == 1,
        activation="hswish" if options["hs"] == 1 else "relu",
    )


def _write_once_for_all(in_channels: int, op: MBConvSpec) -> Mapping[str, int] | None:
    if op.activation not in ("relu", "hswish") or op.squeeze_from != "hidden":
        return None
    return {
        "expand": in_channels * op.expansion,
        "se": int(op.squeeze_excitation),
        "hs": int(op.activation == "hswish"),
    }


PROXYLESSNAS = Dialect(
    name="ProxylessNAS",
    spread="var",
    activation="relu6",
    kinds=frozenset({"Conv", "Conv_1", "Logits", "expanded_conv"}),
    read_mbconv=_read_proxylessnas,
    write_mbconv=_write_proxylessnas,
)
"""Keys say how many times an MBConv widens; all activations are ReLU6."""

ONCE_FOR_ALL = Dialect(
    name="Once-for-All",
    spread="std",
    activation="hswish",
    kinds=frozenset({"Conv", "Conv_1", "AvgPool2D", "Conv_2", "Logits", "expanded_conv"}),
    read_mbconv=_read_once_for_all,
    write_mbconv=_write_once_for_all,
)
"""Keys say to how many channels an MBConv widens, and whether it has squeeze-excitation and h-swish (else ReLU)."""
