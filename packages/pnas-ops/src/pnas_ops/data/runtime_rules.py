"""What a runtime's converter makes of a net, as plain data: what counts bytes knows no runtime by itself."""

from collections.abc import Mapping

from attrs import evolve, frozen


@frozen(kw_only=True, eq=False)
class FileStructure:
    """The bytes of a file that are not its constants: names, shapes, scales, tables.

    Attributes:
        file: once.
        channel: for each output channel of a layer with weights.
        operator: for each operator, by its name.
        other_operator: for an operator that is not named.
    """

    file: int
    channel: int
    operator: Mapping[str, int]
    other_operator: int


@frozen(kw_only=True, eq=False)
class RuntimeRules:
    """How the operators of a runtime's files stand to those of PyTorch, and what they take.

    Attributes:
        fuses_relu: whether ReLU and ReLU6 belong to the operator before them.
        pads_explicitly: whether a padding that the runtime does not have is a padded copy, alive beside its original.
        in_place: operators that write their result over an operand of its size that nobody reads later.
        shares_zeros: dtypes in which layers without a bias, of as many channels, have the same constant for it.
        structure: of a file, by its dtype.
    """

    fuses_relu: bool
    pads_explicitly: bool
    in_place: frozenset[str]
    shares_zeros: frozenset[str]
    structure: Mapping[str, FileStructure]


TFLITE_RULES = RuntimeRules(
    fuses_relu=True,
    pads_explicitly=True,
    # Those that LiteRT's own kernels were seen to run in place, of the operators of all candidates.
    in_place=frozenset({"ADD", "SUB", "MUL", "RESHAPE"}),
    shares_zeros=frozenset({"float32"}),
    # The least that is below none of the files of 26 nets (20 random ones of named spaces, six of all operations), one
    # per cent and 1000 bytes more: tests/benchmarks/file_sizes.py. It is 0.1 to 1.9% above the random ones; of a
    # trained net of 42 kB outside the fit it was 1.2% below without the 1000 bytes. Most of it is names, one or two kB
    # a layer; in int8 a channel has two float32 scales and two int64 zero points.
    structure={
        "float32": FileStructure(
            file=1366,
            channel=0,
            operator={"CONV_2D": 2392, "DEPTHWISE_CONV_2D": 1773, "ADD": 1208, "PAD": 750},
            other_operator=349,
        ),
        "int8": FileStructure(
            file=2178,
            channel=25,
            operator={"CONV_2D": 2232, "DEPTHWISE_CONV_2D": 2024, "ADD": 1295, "PAD": 345},
            other_operator=423,
        ),
    },
)
"""Those of TFLite's files, as `pnas_export` writes them and LiteRT runs them."""

IN_PLACE_RULES = evolve(
    TFLITE_RULES, pads_explicitly=False, in_place=TFLITE_RULES.in_place | frozenset({"DEPTHWISE_CONV_2D"})
)
"""Those of an engine whose depthwise convolutions pad as they go and write over their input, channel by channel, as
MCUNet's do (arXiv 2007.10319); with a stride the result is another tensor here. Not measured on one.
"""
