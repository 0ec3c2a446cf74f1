"""The steps on the space that the program searches for CIFAR-10 by default: small nets."""

from collections.abc import Iterator

from benchmarks.gpu_parts.racing import Case, race
from benchmarks.gpu_parts.setting import Line, Setting
from pnas_ops import cifar_mbconv_space

CASES = {
    Case(precision="bfloat16", batch_size=128): 3.0,
    Case(precision="bfloat16", batch_size=512): 3.0,
    Case(precision="float32", batch_size=128): 2.0,
    Case(precision="float32", batch_size=512): 2.0,
}
TINY = {Case(precision="bfloat16", batch_size=4): 1.0}


def run(setting: Setting) -> Iterator[Line]:
    """A line for each step of each case."""
    if setting.tiny:
        yield from race(setting, cifar_mbconv_space(0.25, blocks_per_stage=1, resolution=8), TINY, paths=1)
    else:
        yield from race(setting, cifar_mbconv_space(), CASES, paths=4)
