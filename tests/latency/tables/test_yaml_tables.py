"""The tables of ProxylessNAS and Once-for-All, against the files themselves and walks over their keys."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pnas_latency import (
    LatencyTable,
    MissingWorkloadsError,
    read_ofa_yaml,
    read_proxylessnas_yaml,
    write_ofa_yaml,
    write_proxylessnas_yaml,
)
from pnas_latency.tables.yaml_keys import ONCE_FOR_ALL, PROXYLESSNAS, Dialect
from pnas_ops import (
    Architecture,
    BlockSpec,
    ClassifierSpec,
    ConvSpec,
    DeviceInfo,
    GlobalPoolSpec,
    MBConvSpec,
    SearchSpace,
    Workload,
    build_block,
    count_parameters,
    imagenet_mbconv_space,
    released,
    workloads,
)
from strategies import block_specs, latency_tables, search_spaces

REFERENCE = Path(__file__).resolve().parents[3] / ".." / "shared" / "reference"
PIXEL_1, NOTE_10 = REFERENCE / "mobile_trim.yaml", REFERENCE / "ofa_note10_224.yaml"
HAS_TABLES = pytest.mark.skipif(not PIXEL_1.exists(), reason="the released tables lie beside the repository, not in it")
FORMATS = [
    pytest.param(PIXEL_1, read_proxylessnas_yaml, write_proxylessnas_yaml, id="proxylessnas"),
    pytest.param(NOTE_10, read_ofa_yaml, write_ofa_yaml, id="ofa"),
]
Read = Callable[[Path], LatencyTable]
Write = Callable[[LatencyTable, Path], None]
CONV_KEY = "Conv-input:224x224x3-output:112x112x32"


@HAS_TABLES
@pytest.mark.parametrize(("path", "keys", "dialect"), [(PIXEL_1, 72, PROXYLESSNAS), (NOTE_10, 96, ONCE_FOR_ALL)])
def test_every_key_is_a_workload_and_back(path: Path, keys: int, dialect: Dialect) -> None:
    document = yaml.safe_load(path.read_text())
    found = {key: dialect.workload(key) for key in document}
    assert len(document) == len(set(found.values())) == keys
    assert [dialect.key(workload) for workload in found.values()] == list(document)


@HAS_TABLES
@pytest.mark.parametrize(("path", "read", "write"), FORMATS)
def test_writes_the_very_file_that_it_read(path: Path, read: Read, write: Write, tmp_path: Path) -> None:
    table = read(path)
    write(table, tmp_path / path.name)
    assert (tmp_path / path.name).read_text() == path.read_text()
    assert read(tmp_path / path.name).entries == table.entries
    # Through our own format too.
    table.save(tmp_path / "table.json")
    assert LatencyTable.load(tmp_path / "table.json") == table


@HAS_TABLES
def test_the_values_are_those_of_the_file() -> None:
    document = yaml.safe_load(PIXEL_1.read_text())
    table = read_proxylessnas_yaml(PIXEL_1)
    for key, values in document.items():
        measurement = table.measurements[PROXYLESSNAS.workload(key)]
        assert (measurement.latency_ms, measurement.count) == (values["mean"], values["count"])
        # In a normal distribution 1.349 standard deviations lie between the quartiles.
        spread = measurement.p75_ms - measurement.p25_ms
        assert spread == pytest.approx(1.3489795 * values["var"] ** 0.5, rel=1e-6)


@HAS_TABLES
@pytest.mark.parametrize("seed", range(5))
def test_a_net_costs_what_the_originals_walk_over_the_keys_finds(seed: int) -> None:
    means = {key: values["mean"] for key, values in yaml.safe_load(PIXEL_1.read_text()).items()}
    space, table = imagenet_mbconv_space(), read_proxylessnas_yaml(PIXEL_1)
    table.check_fits(space)
    order = random.Random(seed)
    choices = [order.randrange(len(row)) for row in space.mixed]

    # As `expected_latency` of the original goes through its blocks.
    total = means["Conv-input:224x224x3-output:112x112x32"]
    total += means["expanded_conv-input:112x112x32-output:112x112x16-expand:1-kernel:3-stride:1-idskip:0"]
    total += means["Conv_1-input:7x7x320-output:7x7x1280"] + means["Logits-input:7x7x1280-output:1000"]
    size, channels, block = 112, 16, 0
    for width, depth, first_stride in [(24, 4, 2), (40, 4, 2), (80, 4, 2), (96, 4, 1), (192, 4, 2), (320, 1, 1)]:
        for index in range(depth):
            stride, choice = first_stride if index == 0 else 1, choices[block]
            block += 1
            if choice == 6:
                continue
            expand, kernel = [(3, 3), (3, 5), (3, 7), (6, 3), (6, 5), (6, 7)][choice]
            total += means[
                f"expanded_conv-input:{size}x{size}x{channels}-output:{size // stride}x{size // stride}x{width}"
                f"-expand:{expand}-kernel:{kernel}-stride:{stride}-idskip:{int(index > 0)}"
            ]
            size, channels = size // stride, width

    assert table.predict_ms(space.architecture(choices)) == pytest.approx(total, rel=1e-12)


def test_a_classifier_is_the_sum_of_its_two_keys_as_independent_measurements(tmp_path: Path) -> None:
    path = tmp_path / "mobile.yaml"
    path.write_text(
        "Conv_1-input:7x7x8-output:7x7x16: {count: 50, mean: 2.0, var: 0.09}\n"
        "Logits-input:7x7x16-output:10: {count: 40, mean: 1.0, var: 0.16}\n"
    )
    convolution, linear, both = read_proxylessnas_yaml(path).entries
    assert [entry.workload.block.out_channels for entry in (convolution, linear, both)] == [16, 10, 10]
    assert both.workload.block.op == ClassifierSpec(hidden_channels=16)
    assert (both.measurement.latency_ms, both.measurement.count) == (3.0, 40)
    assert both.columns["variance_ms2"] == pytest.approx(0.25)
    # The quartiles of a normal distribution are 0.6745 standard deviations from its mean.
    assert both.measurement.p75_ms == pytest.approx(3 + 0.5 * 0.6745, abs=1e-4)
    assert both.measurement.p25_ms == pytest.approx(3 - 0.5 * 0.6745, abs=1e-4)


@HAS_TABLES
def test_the_original_table_covers_its_space_and_no_other() -> None:
    table = read_proxylessnas_yaml(PIXEL_1)
    assert table.missing(workloads(imagenet_mbconv_space())) == ()
    for other in (imagenet_mbconv_space(resolution=192), imagenet_mbconv_space(1.4)):
        with pytest.raises(LookupError, match="lacks"):
            table.check_fits(other)


@HAS_TABLES
def test_the_original_table_does_not_cover_the_net_that_was_released() -> None:
    net = released("proxyless_mobile")
    with pytest.raises(MissingWorkloadsError, match=r"lacks \d+ workloads: ") as caught:
        read_proxylessnas_yaml(PIXEL_1).check_fits(net)
    # The file has no key for any of them: the original's code took 200 ms for each.
    document = yaml.safe_load(PIXEL_1.read_text())
    assert not {PROXYLESSNAS.key(one) for one in caught.value.missing if isinstance(one, Workload)} & set(document)


@HAS_TABLES
def test_a_once_for_all_net_costs_the_sum_of_its_keys() -> None:
    means = {key: values["mean"] for key, values in yaml.safe_load(NOTE_10.read_text()).items()}
    total = sum(means[key] for key in means if not key.startswith("expanded_conv"))
    total += means["expanded_conv-input:112x112x24-output:112x112x24-expand:24-kernel:3-stride:1-idskip:1-se:0-hs:0"]
    blocks = [
        BlockSpec(op=ConvSpec(kernel_size=3, activation="hswish"), in_channels=3, out_channels=24, stride=2),
        _mbconv(24, 24, expansion=1, kernel=3, stride=1, se=False, hs=False),
    ]
    size, channels = 112, 24
    stages = [(32, 2, False, False), (48, 2, True, False), (96, 2, False, True), (136, 1, True, True)]
    for width, stride, se, hs in [*stages, (192, 2, True, True)]:
        for index, (step, source) in enumerate([(stride, channels), (1, width)]):
            out, expansion, kernel = size // step, (3, 6)[index], (5, 7)[index]
            total += means[
                f"expanded_conv-input:{size}x{size}x{source}-output:{out}x{out}x{width}-expand:{source * expansion}"
                f"-kernel:{kernel}-stride:{step}-idskip:{index}-se:{int(se)}-hs:{int(hs)}"
            ]
            blocks.append(_mbconv(source, width, expansion=expansion, kernel=kernel, stride=step, se=se, hs=hs))
            size = out
        channels = width
    mix = ConvSpec(kernel_size=1, activation="hswish")
    blocks += [
        BlockSpec(op=mix, in_channels=192, out_channels=1152),
        BlockSpec(op=GlobalPoolSpec(), in_channels=1152, out_channels=1152),
        BlockSpec(op=mix, in_channels=1152, out_channels=1536),
        BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=1536, out_channels=1000),
    ]
    net = Architecture(name="ofa", resolution=224, blocks=tuple(blocks))

    assert read_ofa_yaml(NOTE_10).predict_ms(net) == pytest.approx(total, rel=1e-12)


@HAS_TABLES
def test_squeeze_excitation_is_once_for_alls() -> None:
    """It squeezes to a quarter of the channels, to the nearest multiple of 8, through two convolutions with biases."""
    key = "expanded_conv-input:14x14x136-output:14x14x136-expand:408-kernel:5-stride:1-idskip:1-se:1-hs:1"
    block = ONCE_FOR_ALL.workload(key).block
    squeezed = 104
    convs = 408 * squeezed + squeezed + squeezed * 408 + 408
    plain = evolve(block, op=MBConvSpec(kernel_size=5, expansion=3, activation="hswish"))
    assert count_parameters(build_block(block)) - count_parameters(build_block(plain)) == convs


@given(block=block_specs(), size=st.integers(1, 40))
@pytest.mark.parametrize("dialect", [PROXYLESSNAS, ONCE_FOR_ALL], ids=lambda dialect: dialect.name)
def test_a_key_names_one_workload(dialect: Dialect, block: BlockSpec, size: int) -> None:
    workload = Workload(block=block, height=size, width=size)
    key = dialect.key(workload)
    if key is not None and not isinstance(block.op, ConvSpec):
        assert dialect.workload(key) == workload
    elif key is not None:
        # A convolution's key does not say its stride, which a small image leaves open.
        assert dialect.key(dialect.workload(key)) == key


@given(data=st.data())
def test_a_table_of_ours_survives_the_format(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    table = data.draw(latency_tables(_proxyless_space(data.draw(search_spaces()))))
    path = tmp_path_factory.mktemp("yaml") / "table.yaml"
    write_proxylessnas_yaml(table, path)
    read = read_proxylessnas_yaml(path, device=table.device, measured_on=table.measured_on)
    assert (read.device, read.measured_on) == (table.device, table.measured_on)
    for workload, measurement in table.measurements.items():
        assert read.measurements[workload].latency_ms == measurement.latency_ms
        assert read.measurements[workload].count == measurement.count
    write_proxylessnas_yaml(read, path)
    assert read_proxylessnas_yaml(path).entries == read.entries


def test_says_where_a_table_is_from_when_the_caller_does_not(tmp_path: Path) -> None:
    path = tmp_path / "phone.yaml"
    path.write_text(f"{CONV_KEY}: {{count: 3, mean: 1.5, var: 0.25}}\n")
    device = read_proxylessnas_yaml(path).device
    assert device.device == "device of phone.yaml, a ProxylessNAS table"
    assert (device.runtime, device.runtime_version) == ("unknown", "unknown")
    given_device = DeviceInfo(device="Pixel 1", runtime="tflite", runtime_version="1.9", threads=1, dtype="float32")
    table = read_proxylessnas_yaml(path, device=given_device, measured_on="2018-12-02")
    assert (table.device, table.measured_on) == (given_device, "2018-12-02")


def test_names_every_workload_that_the_format_has_no_key_for(tmp_path: Path) -> None:
    path = tmp_path / "table.yaml"
    path.write_text(f"{CONV_KEY}: {{count: 3, mean: 1.5, var: 0.25}}\n")
    table = read_proxylessnas_yaml(path)
    with pytest.raises(ValueError, match=r"b\.yaml: a Once-for-All table has no key for 1 workloads: conv3 3->32 s2"):
        write_ofa_yaml(table, tmp_path / "b.yaml")
    assert not (tmp_path / "b.yaml").exists()
    head = Workload(block=imagenet_mbconv_space().head, height=7, width=7)
    entry = evolve(table.entries[0], workload=head)
    with pytest.raises(ValueError, match=r"no key for 1 workloads: classifier-1280 320->1000 s1 @7x7$"):
        write_proxylessnas_yaml(evolve(table, entries=(entry,)), tmp_path / "b.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", r"table\.yaml: not a ProxylessNAS table: while parsing .*: name a ProxylessNAS table, a YAML file"),
        ("\xff\xfe", r"table\.yaml: not a ProxylessNAS table: .*"),
        ("\tx: 1", r"table\.yaml: not a ProxylessNAS table: while scanning"),
        ("a: !!bool x", r"table\.yaml: not a ProxylessNAS table: 'x'"),
        ("a: !!timestamp x", r"table\.yaml: not a ProxylessNAS table: 'NoneType'"),
        ("a: !!int ''", r"table\.yaml: not a ProxylessNAS table: "),
        ("a: !!python/object:os.system x", r"could not determine a constructor"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", r"it refers to another place in it, which no table does"),
        ("[" * 5000, r"not a ProxylessNAS table: it has lists in lists, or deeper keys than a table has"),
        (f"{CONV_KEY}: {{count: 1, mean: [1], var: 1}}", r"has the mean \[1\]: it must be a number above 0"),
        (f"{CONV_KEY}: {{count: 1, mean: 0, var: 1}}", r"has the mean 0: it must be a number above 0"),
        (f"{CONV_KEY}: {{count: 1, mean: true, var: 1}}", r"has the mean True"),
        (f"{CONV_KEY}: {{count: 1, mean: .inf, var: 1}}", r"has the mean inf"),
        (f"{CONV_KEY}: {{count: 1, mean: 1, var: .nan}}", r"has the var nan"),
        ("", r"table\.yaml: not a ProxylessNAS table, since it has no keys"),
        ("- 1", r"not a ProxylessNAS table"),
        (f"{CONV_KEY}: 1.5", r"key '" + CONV_KEY + r"' must have count, mean, var, got 1\.5"),
        (f"{CONV_KEY}: {{count: 1, mean: 1, std: 1}}", r"must have count, mean, var, got"),
        (f"{CONV_KEY}: {{count: 0, mean: 1, var: 1}}", r"has the count 0: it must be a whole number from 1"),
        (f"{CONV_KEY}: {{count: true, mean: 1, var: 1}}", r"has the count True"),
        (f"{CONV_KEY}: {{count: 1, mean: .nan, var: 1}}", r"has the mean nan: it must be a number above 0"),
        (f"{CONV_KEY}: {{count: 1, mean: -1, var: 1}}", r"has the mean -1"),
        (f"{CONV_KEY}: {{count: 1, mean: 1, var: x}}", r"has the var 'x'"),
        (
            f"{CONV_KEY}: {{count: 1, mean: 1, mean: 2, var: 1}}",
            r"not a ProxylessNAS table: holds 'mean' twice",
        ),
        (f"{CONV_KEY}: 1\n{CONV_KEY}: 2", r"table\.yaml: not a ProxylessNAS table: holds 'Conv-input.*' twice"),
        ("Conv-224: 1", r"key 'Conv-224' is no key of a ProxylessNAS table, like Conv-input:224x224x3-output"),
        (
            "AvgPool2D-input:7x7x8-output:1x1x8: 1",
            r"is of the unknown kind 'AvgPool2D'; a Proxyless.* has Conv, ",
        ),
        ("expanded_conv-input:4x4x8-output:4x4x8-expand:3-stride:1: 1", r"lacks kernel:<number>"),
        ("Conv-input:224x224x3-output:7x8x32: 1", r"contradicts itself: conv3 3->32 s32 @224x224 would be Conv-"),
        (
            "expanded_conv-input:4x4x8-output:4x4x9-expand:3-kernel:3-stride:1-idskip:1: 1",
            r"a residual block needs stride 1 and equal channels",
        ),
        (
            "expanded_conv-input:4x4x8-output:4x4x9-expand:3-kernel:4-stride:1-idskip:0: 1",
            r"MBConvSpec\.kernel_size must be odd",
        ),
    ],
)
def test_a_damaged_file_is_named_with_its_key_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "table.yaml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=message) as caught:
        read_proxylessnas_yaml(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refuses_an_expansion_by_a_fraction(tmp_path: Path) -> None:
    path = tmp_path / "table.yaml"
    path.write_text("expanded_conv-input:4x4x8-output:4x4x8-expand:20-kernel:3-stride:1-idskip:1-se:1-hs:0: 1")
    with pytest.raises(ValueError, match="expands 8 channels to 20, which is no multiple of them"):
        read_ofa_yaml(path)


def _mbconv(source: int, width: int, *, expansion: int, kernel: int, stride: int, se: bool, hs: bool) -> BlockSpec:
    op = MBConvSpec(
        kernel_size=kernel,
        expansion=expansion,
        squeeze_excitation=se,
        activation="hswish" if hs else "relu",
    )
    residual = stride == 1 and source == width
    return BlockSpec(op=op, in_channels=source, out_channels=width, stride=stride, residual=residual)


def _proxyless_space(space: SearchSpace) -> SearchSpace:
    """A space of the same stages with what the original's format has keys for."""
    width = space.stem[0].out_channels
    stem = BlockSpec(op=ConvSpec(kernel_size=3), in_channels=3, out_channels=width, stride=1)
    head = evolve(space.head, op=ClassifierSpec(hidden_channels=None))
    ops = tuple(MBConvSpec(kernel_size=kernel, expansion=expansion) for kernel in (3, 5) for expansion in (1, 4))
    return evolve(space, stem=(stem,), candidates=ops, head=head)
