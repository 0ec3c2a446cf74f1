"""Hypothesis strategies for the plain data of the packages: small nets, quick to build and run."""

from itertools import pairwise

from attrs import evolve
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from pnas_latency import Calibration, LatencyTable, NetEntry, TableEntry
from pnas_ops import (
    Architecture,
    BasicBlockSpec,
    BlockSpec,
    BottleneckSpec,
    CellSpace,
    CellStackSpec,
    ClassifierSpec,
    ConvSpec,
    DeviceInfo,
    GlobalPoolSpec,
    GroupedConvSpec,
    IdentitySpec,
    LinearConvSpec,
    MBConvSpec,
    Measurement,
    NetworkSpace,
    NetworkStage,
    NoneSpec,
    OpSpec,
    PoolSpec,
    PreActivationSeparableConvSpec,
    ReluConvSpec,
    ReluSeparableConvSpec,
    SearchSpace,
    SeparableConvSpec,
    ShuffleUnitSpec,
    Space,
    Stage,
    TreeBlockSpec,
    TreeSpace,
    TreeStage,
    UpsampleSpec,
    ZeroSpec,
    full_cell,
    workloads,
)

channels = st.integers(1, 6)
strides = st.integers(1, 2)
names = st.text(max_size=8)
kernel_sizes = st.sampled_from([3, 5, 7])
dilations = st.integers(1, 2)
activations = st.sampled_from(["relu6", "relu", "hswish", "silu"])
convs = st.builds(ConvSpec, kernel_size=st.sampled_from([1, 3, 5]), dilation=dilations, activation=activations)
separables = st.builds(SeparableConvSpec, kernel_size=kernel_sizes, dilation=dilations)
linear_convs = st.builds(LinearConvSpec, kernel_size=st.sampled_from([1, 3, 5]))
pre_separables = st.builds(PreActivationSeparableConvSpec, kernel_size=kernel_sizes, dilation=dilations)
grouped = st.builds(GroupedConvSpec, kernel_size=kernel_sizes, groups=st.integers(1, 3), shuffle=st.booleans())
bottlenecks = st.builds(
    BottleneckSpec,
    kernel_size=kernel_sizes,
    reduction=st.integers(1, 3),
    groups=st.integers(1, 2),
    activation=activations,
    shortcut=st.booleans(),
)
basic_blocks = st.builds(BasicBlockSpec, kernel_size=kernel_sizes, activation=activations, shortcut=st.booleans())
shuffle_units = st.one_of(
    st.builds(ShuffleUnitSpec, version=st.just("v2"), kernel_size=kernel_sizes, activation=activations),
    st.builds(ShuffleUnitSpec, version=st.just("v1"), kernel_size=kernel_sizes, activation=activations),
)
mbconvs = st.builds(
    MBConvSpec,
    kernel_size=kernel_sizes,
    expansion=st.integers(1, 3),
    squeeze_excitation=st.booleans(),
    activation=activations,
).flatmap(lambda op: st.sampled_from([op, evolve(op, squeeze_excitation=True, squeeze_from="input")]))
upsamplings = st.builds(UpsampleSpec, mode=st.sampled_from(["nearest", "bilinear"]), factor=st.integers(2, 3))
pools = st.builds(PoolSpec, mode=st.sampled_from(["average", "max"]), kernel_size=kernel_sizes)
classifiers = st.one_of(
    st.builds(ClassifierSpec, hidden_channels=st.none(), pre_activation=st.booleans()),
    st.builds(ClassifierSpec, hidden_channels=channels, pre_activation=st.booleans(), activation=activations),
)
relu_convs = st.builds(ReluConvSpec, kernel_size=st.sampled_from([1, 3]))
relu_separables = st.builds(
    ReluSeparableConvSpec, kernel_size=kernel_sizes, dilation=dilations, repeats=st.integers(1, 2)
)
adaptable_ops: SearchStrategy[OpSpec] = st.one_of(
    mbconvs,
    convs,
    separables,
    linear_convs,
    pre_separables,
    relu_convs,
    relu_separables,
    basic_blocks.filter(lambda op: not op.shortcut),
)
choosy_ops: SearchStrategy[OpSpec] = st.one_of(
    pools, grouped, bottlenecks, basic_blocks.filter(lambda op: op.shortcut), shuffle_units
)
computing_ops: SearchStrategy[OpSpec] = st.one_of(adaptable_ops, choosy_ops)
edges = st.one_of(mbconvs, convs, separables, pre_separables, pools, st.builds(IdentitySpec))
trees = st.builds(
    TreeBlockSpec,
    hidden_channels=st.sampled_from([2, 4]),
    edges=st.sampled_from([4, 12]).flatmap(lambda count: st.tuples(*[edges] * count)),
)
shortcut_ops: SearchStrategy[OpSpec] = st.one_of(st.builds(ZeroSpec), st.builds(IdentitySpec))


def channel_unit(op: OpSpec) -> int:
    """What the channels must be a multiple of, so that `op` can stand."""
    match op:
        case GroupedConvSpec():
            return op.groups
        case BottleneckSpec():
            return op.reduction * op.groups
        case ShuffleUnitSpec():
            return {"v1": 4 * op.groups, "v2": 2}[op.version]
    return 1


def adds_its_input(op: OpSpec) -> bool:
    """Whether `op` has a shortcut of its own."""
    return isinstance(op, ShuffleUnitSpec) or (isinstance(op, BottleneckSpec | BasicBlockSpec) and op.shortcut)


@st.composite
def block_specs(draw: DrawFn) -> BlockSpec:
    """Blocks of every operation, residual or not, wherever the operation can stand."""
    op = draw(st.one_of(computing_ops, shortcut_ops, classifiers, st.builds(GlobalPoolSpec), upsamplings, trees))
    if isinstance(op, ClassifierSpec):
        return BlockSpec(op=op, in_channels=draw(channels), out_channels=draw(channels))
    if isinstance(op, ZeroSpec | IdentitySpec | GlobalPoolSpec | UpsampleSpec):
        width = draw(channels)
        return BlockSpec(op=op, in_channels=width, out_channels=width, residual=isinstance(op, ZeroSpec))
    if isinstance(op, TreeBlockSpec):
        few, many = sorted([draw(channels), draw(channels)])
        return BlockSpec(op=op, in_channels=few, out_channels=many, stride=draw(strides))
    widths = st.integers(1, max(1, 6 // channel_unit(op))).map(lambda units: units * channel_unit(op))
    width_in, stride = draw(widths), draw(strides)
    width_out = width_in if isinstance(op, PoolSpec) else draw(widths)
    if not fits(op, width_in, width_out, stride=stride):
        width_out = 2 * width_in
    residual = stride == 1 and width_in == width_out and not adds_its_input(op) and draw(st.booleans())
    return BlockSpec(op=op, in_channels=width_in, out_channels=width_out, stride=stride, residual=residual)


def fits(op: OpSpec, in_channels: int, out_channels: int, *, stride: int, residual: bool = False) -> bool:
    """Whether a computing `op` can stand between these channels."""
    if residual and adds_its_input(op):
        return False
    match op:
        case PoolSpec():
            return in_channels == out_channels
        case GroupedConvSpec():
            return in_channels % op.groups == 0 and out_channels % op.groups == 0
        case BottleneckSpec():
            return out_channels % (op.reduction * op.groups) == 0
        case ShuffleUnitSpec(version="v1"):
            same = stride == 1 and in_channels == out_channels
            return (same or out_channels > in_channels) and out_channels % (
                4 * op.groups
            ) == in_channels % op.groups == 0
        case ShuffleUnitSpec():
            return out_channels % 2 == 0
    return True


@st.composite
def search_spaces(draw: DrawFn) -> SearchSpace:
    """Spaces of up to four searched blocks, whose images of at least 8 pixels survive all strides."""
    adaptable = draw(st.lists(adaptable_ops, min_size=1, max_size=3, unique=True))
    shortcuts = draw(st.lists(shortcut_ops, max_size=2, unique=True))
    stages = draw(
        st.lists(st.builds(Stage, width=channels, depth=st.integers(1, 2), stride=strides), min_size=1, max_size=2)
    )
    width = draw(channels)
    stem = [BlockSpec(op=draw(convs), in_channels=draw(channels), out_channels=width, stride=draw(strides))]
    if draw(st.booleans()):
        stem.append(BlockSpec(op=draw(mbconvs), in_channels=width, out_channels=width, residual=draw(st.booleans())))
    residual = draw(st.booleans())
    widths = [width, *(stage.width for stage in stages for _ in range(stage.depth))]
    firsts = [stage.stride if index == 0 else 1 for stage in stages for index in range(stage.depth)]

    def stands(op: OpSpec) -> bool:
        return any(
            fits(op, before, after, stride=stride, residual=residual and stride == 1 and before == after)
            for (before, after), stride in zip(pairwise(widths), firsts, strict=True)
        )

    fitting = choosy_ops.filter(stands)
    choosy = draw(st.lists(fitting, max_size=2, unique=True))
    return SearchSpace(
        name=draw(names),
        resolution=draw(st.integers(8, 12)),
        stem=tuple(stem),
        stages=tuple(stages),
        candidates=tuple(draw(st.permutations([*adaptable, *choosy, *shortcuts]))),
        head=BlockSpec(op=draw(classifiers), in_channels=stages[-1].width, out_channels=draw(channels)),
        residual=residual,
    )


@st.composite
def tree_spaces(draw: DrawFn) -> TreeSpace:
    """Spaces of one to three blocks of trees, whose images of at least 8 pixels survive all strides."""
    widths = st.lists(st.sampled_from([2, 4]), min_size=1, max_size=2).map(sorted).map(tuple)
    stages = draw(st.lists(st.builds(TreeStage, widths=widths, stride=strides), min_size=1, max_size=2))
    stages.sort(key=lambda stage: stage.widths)
    expansion = draw(st.integers(2, 3))
    assume(all(a.widths[-1] <= b.widths[0] for a, b in pairwise(stages)))
    width = draw(st.integers(1, 4))
    last = expansion * stages[-1].widths[-1]
    return TreeSpace(
        name=draw(names),
        resolution=draw(st.integers(8, 12)),
        stem=(BlockSpec(op=draw(linear_convs), in_channels=draw(channels), out_channels=width, stride=draw(strides)),),
        stages=tuple(stages),
        expansion=expansion,
        depth=draw(st.integers(1, 2)),
        candidates=tuple(draw(st.lists(edges, min_size=1, max_size=4, unique=True))),
        head=BlockSpec(op=draw(classifiers), in_channels=last, out_channels=draw(channels)),
    )


cell_edges = st.one_of(relu_convs, relu_separables, pools, convs, st.builds(IdentitySpec), st.builds(NoneSpec))


@st.composite
def cell_spaces(draw: DrawFn) -> CellSpace:
    """Spaces of two to five cells with one to three nodes, and images that survive all strides."""
    inputs, nodes = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    states = range(inputs, inputs + nodes)
    outputs = tuple(sorted(draw(st.sets(st.sampled_from(states), min_size=1, max_size=2))))
    cell = full_cell(inputs=inputs, nodes=nodes, outputs=outputs, join=draw(st.sampled_from(["sum", "concatenation"])))
    cells = tuple(draw(st.lists(st.integers(1, 2), min_size=1, max_size=2)))
    stack = CellStackSpec(
        channels=2 * draw(st.integers(1, 2)),
        cells=cells,
        normal=cell,
        reduction=cell if len(cells) > 1 else None,
        halved_first=draw(st.booleans()),
    )
    width = draw(st.integers(1, 4))
    body = [BlockSpec(op=stack, in_channels=width, out_channels=stack.out_channels, stride=stack.stride)]
    if cell.widening == 1 and draw(st.booleans()):
        # Cells of a second block share the choices of those of the first.
        plain = evolve(stack, cells=(1,), reduction=None, halved_first=False, preprocessed=False)
        plain = evolve(plain, channels=stack.out_channels)
        body.append(BlockSpec(op=plain, in_channels=plain.channels, out_channels=plain.channels))
    return CellSpace(
        name=draw(names),
        resolution=draw(st.sampled_from([8, 16])),
        stem=(BlockSpec(op=draw(linear_convs), in_channels=draw(channels), out_channels=width),),
        body=tuple(body),
        candidates=tuple(draw(st.lists(cell_edges, min_size=1, max_size=4, unique=True))),
        taken=draw(st.none() | st.integers(1, 2)),
        head=BlockSpec(op=draw(classifiers), in_channels=body[-1].out_channels, out_channels=draw(channels)),
    )


@st.composite
def network_spaces(draw: DrawFn) -> NetworkSpace:
    """Spaces of one or two stages, of few widths, depths and resolutions."""
    numbers = st.lists(st.integers(1, 3), min_size=1, max_size=2, unique=True).map(sorted).map(tuple)
    stages = draw(
        st.lists(st.builds(NetworkStage, widths=numbers, depths=numbers, stride=strides), min_size=1, max_size=2)
    )
    stem = BlockSpec(op=draw(convs), in_channels=draw(channels), out_channels=draw(channels), stride=draw(strides))
    heads = st.builds(ClassifierSpec, hidden_channels=st.none() | channels)
    plain = st.builds(MBConvSpec, kernel_size=kernel_sizes, expansion=st.integers(1, 3), activation=activations)
    resolutions = st.lists(st.sampled_from([8, 16]), min_size=1, max_size=2, unique=True).map(sorted).map(tuple)
    return NetworkSpace(
        name=draw(names),
        resolutions=draw(resolutions),
        stem=(stem,),
        stages=tuple(stages),
        candidates=tuple(draw(st.lists(plain, min_size=1, max_size=2, unique=True))),
        head=BlockSpec(op=draw(heads), in_channels=stages[-1].widths[-1], out_channels=draw(channels)),
    )


def choices(space: Space) -> SearchStrategy[tuple[int, ...]]:
    """One option of every choice of `space`, by number."""
    return st.tuples(*(st.integers(0, count - 1) for count in space.options))


@st.composite
def architectures(draw: DrawFn) -> Architecture:
    """Nets of random spaces."""
    space = draw(search_spaces())
    return space.architecture(draw(choices(space)), name=draw(names))


milliseconds = st.floats(0, 100)
device_infos = st.builds(
    DeviceInfo,
    device=names,
    runtime=names,
    runtime_version=names,
    threads=st.integers(1, 64),
    dtype=names,
    batch=st.integers(1, 64),
)
measurements = st.builds(
    Measurement,
    latency_ms=st.floats(0, 100, exclude_min=True),
    overhead_ms=milliseconds,
    p25_ms=milliseconds,
    median_ms=milliseconds,
    p75_ms=milliseconds,
    count=st.integers(1, 1000),
)


@st.composite
def latency_tables(draw: DrawFn, net: Space | Architecture) -> LatencyTable:
    """Tables that hold every workload of `net`."""
    computing = (workload for row in workloads(net) for workload in row if not workload.block.computes_nothing)
    entries = [TableEntry(workload=w, measurement=draw(measurements)) for w in dict.fromkeys(computing)]
    return LatencyTable(device=draw(device_infos), measured_on=draw(st.dates()).isoformat(), entries=tuple(entries))


calibrations = st.builds(Calibration, scale=st.floats(0.25, 4), offset_ms=st.floats(-10, 10))
columns = st.dictionaries(names, st.floats(-1e6, 1e6), max_size=2)


@st.composite
def full_tables(draw: DrawFn, space: SearchSpace) -> LatencyTable:
    """As `latency_tables`, with other columns, whole nets, a calibration and a noise floor."""
    table = draw(latency_tables(space))
    chosen = draw(st.lists(choices(space), max_size=4, unique=True))
    nets = [
        NetEntry(
            architecture=space.architecture(choice, name=draw(names)),
            measurement=draw(measurements),
            held_out=draw(st.booleans()),
            band=draw(st.booleans()),
        )
        for choice in chosen
    ]
    return evolve(
        table,
        entries=tuple(evolve(entry, columns=draw(columns)) for entry in table.entries),
        nets=tuple(nets),
        calibration=draw(st.none() | calibrations),
        noise_floor=draw(st.none() | st.floats(0, 1)),
    )
