"""What a runtime's converter makes of a net, as plain data, so that code that counts bytes depends on no runtime."""

from collections.abc import Mapping

from attrs import evolve, frozen


@frozen(kw_only=True, eq=False)
class FileStructure:
    """The bytes of a file that are not its constants: names, shapes, scales, tables.

    Attributes:
        file: once per file.
        channel: for each output channel of a layer with weights.
        operator: for each operator, by its name.
        other_operator: for each operator that is not named.
    """

    file: int
    channel: int
    operator: Mapping[str, int]
    other_operator: int


@frozen(kw_only=True, eq=False)
class RuntimeRules:
    """How the operators of a runtime's files follow from those of PyTorch, and how many bytes they take.

    Attributes:
        fuses_relu: whether ReLU and ReLU6 are fused into the operator before them.
        pads_explicitly: whether a padding that the runtime lacks makes a padded copy, alive at the same time as its
            original.
        in_place: operators that overwrite an operand of their result's size that nothing reads later.
        shares_zeros: dtypes in which layers of equal channels without a bias share a constant of zeros for it.
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
    # Of the operators of all candidates, those that LiteRT's own kernels were seen to run in place.
    in_place=frozenset({"ADD", "SUB", "MUL", "RESHAPE"}),
    shares_zeros=frozenset({"float32"}),
    # The least fit that is too low for none of the files of 26 nets (20 random ones of named spaces, six of all
    # operations), plus one per cent and 1000 bytes: tests/benchmarks/file_sizes.py. It is 0.1 to 1.9% too high for the
    # random ones; without the 1000 bytes it was 1.2% too low for a trained net of 42 kB outside the fit. Most of it is
    # names, one or two kB a layer; in int8, a channel has two float32 scales and two int64 zero points.
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
"""The rules for TFLite files, as `pnas_export` writes them and LiteRT runs them."""

IN_PLACE_RULES = evolve(
    TFLITE_RULES, pads_explicitly=False, in_place=TFLITE_RULES.in_place | frozenset({"DEPTHWISE_CONV_2D"})
)
"""The rules for an engine whose depthwise convolutions pad on the fly and overwrite their input channel by channel, as
MCUNet's do (arXiv 2007.10319); with a stride the result is another tensor here. Not measured on such an engine.
"""
