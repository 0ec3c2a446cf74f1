"""Hypothesis strategies for the plain data of the packages: small nets, quick to build and run."""

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from pnas_latency import LatencyTable, TableEntry
from pnas_ops import (
    Architecture,
    BlockSpec,
    ClassifierSpec,
    ConvSpec,
    DeviceInfo,
    IdentitySpec,
    MBConvSpec,
    Measurement,
    OpSpec,
    SearchSpace,
    Stage,
    ZeroSpec,
    workloads,
)

channels = st.integers(1, 6)
strides = st.integers(1, 2)
names = st.text(max_size=8)
convs = st.builds(ConvSpec, kernel_size=st.sampled_from([1, 3, 5]))
mbconvs = st.builds(MBConvSpec, kernel_size=st.sampled_from([3, 5, 7]), expansion=st.integers(1, 3))
classifiers = st.builds(ClassifierSpec, hidden_channels=channels)
computing_ops: SearchStrategy[OpSpec] = st.one_of(convs, mbconvs)
shortcut_ops: SearchStrategy[OpSpec] = st.one_of(st.builds(ZeroSpec), st.builds(IdentitySpec))


@st.composite
def block_specs(draw: DrawFn) -> BlockSpec:
    """Blocks of every operation, residual or not, wherever the operation can stand."""
    op = draw(st.one_of(computing_ops, shortcut_ops, classifiers))
    if isinstance(op, ClassifierSpec):
        return BlockSpec(op=op, in_channels=draw(channels), out_channels=draw(channels))
    if isinstance(op, ZeroSpec | IdentitySpec):
        width = draw(channels)
        return BlockSpec(op=op, in_channels=width, out_channels=width, residual=isinstance(op, ZeroSpec))
    width_in, width_out, stride = draw(channels), draw(channels), draw(strides)
    residual = stride == 1 and width_in == width_out and draw(st.booleans())
    return BlockSpec(op=op, in_channels=width_in, out_channels=width_out, stride=stride, residual=residual)


@st.composite
def search_spaces(draw: DrawFn) -> SearchSpace:
    """Spaces of up to four searched blocks, whose images of at least 8 pixels survive all strides."""
    computing = draw(st.lists(computing_ops, min_size=1, max_size=3, unique=True))
    shortcuts = draw(st.lists(shortcut_ops, max_size=2, unique=True))
    stages = draw(
        st.lists(st.builds(Stage, width=channels, depth=st.integers(1, 2), stride=strides), min_size=1, max_size=2)
    )
    width = draw(channels)
    stem = [BlockSpec(op=draw(convs), in_channels=draw(channels), out_channels=width, stride=draw(strides))]
    if draw(st.booleans()):
        stem.append(BlockSpec(op=draw(mbconvs), in_channels=width, out_channels=width, residual=draw(st.booleans())))
    return SearchSpace(
        name=draw(names),
        resolution=draw(st.integers(8, 12)),
        stem=tuple(stem),
        stages=tuple(stages),
        candidates=tuple(draw(st.permutations([*computing, *shortcuts]))),
        head=BlockSpec(op=draw(classifiers), in_channels=stages[-1].width, out_channels=draw(channels)),
        residual=draw(st.booleans()),
    )


def choices(space: SearchSpace) -> SearchStrategy[tuple[int, ...]]:
    """One candidate of every searched block of `space`, by number."""
    return st.tuples(*(st.integers(0, len(blocks) - 1) for blocks in space.mixed))


@st.composite
def architectures(draw: DrawFn) -> Architecture:
    """Nets of random spaces."""
    space = draw(search_spaces())
    return space.architecture(draw(choices(space)), name=draw(names))


milliseconds = st.floats(0, 100)
device_infos = st.builds(
    DeviceInfo, device=names, runtime=names, runtime_version=names, threads=st.integers(1, 64), dtype=names
)
measurements = st.builds(
    Measurement,
    latency_ms=milliseconds,
    overhead_ms=milliseconds,
    p25_ms=milliseconds,
    median_ms=milliseconds,
    p75_ms=milliseconds,
    count=st.integers(1, 1000),
)


@st.composite
def latency_tables(draw: DrawFn, net: SearchSpace | Architecture) -> LatencyTable:
    """Tables that hold every workload of `net`."""
    computing = (workload for row in workloads(net) for workload in row if not workload.block.computes_nothing)
    entries = [TableEntry(workload=w, measurement=draw(measurements)) for w in dict.fromkeys(computing)]
    return LatencyTable(device=draw(device_infos), measured_on=draw(st.dates()).isoformat(), entries=tuple(entries))
