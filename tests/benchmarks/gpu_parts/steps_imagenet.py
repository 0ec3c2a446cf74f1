"""The steps on ImageNet's space at 224 pixels: large nets."""

from collections.abc import Iterator

from benchmarks.gpu_parts.racing import Case, race
from benchmarks.gpu_parts.setting import Line, Setting
from pnas_ops import imagenet_mbconv_space

CASES = {
    Case(precision="bfloat16", batch_size=256): 4.0,
    Case(precision="bfloat16", batch_size=128): 3.0,
    Case(precision="float32", batch_size=128): 3.0,
    Case(precision="float32", batch_size=128, modes=("eager",), autotunes=False, steps=("weight",)): 1.0,
}
TINY = {Case(precision="float32", batch_size=2, modes=("eager",), autotunes=False, steps=("weight",)): 1.0}


def run(setting: Setting) -> Iterator[Line]:
    """A line for each step of each case."""
    if setting.tiny:
        space = imagenet_mbconv_space(0.25, blocks_per_stage=1, classes=4, resolution=32)
        yield from race(setting, space, TINY, paths=1)
    else:
        yield from race(setting, imagenet_mbconv_space(), CASES, paths=2)
