"""Many whole numbers of any size in one array.

A number of an array of shape (limbs, numbers) is sum_k array[k] * 2^(60 k), with 0 <= array[k] < 2^60 for all limbs but
the last, which has the sign.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Wide = NDArray[np.int64]
_BITS = 60


def limbs_of(largest: int) -> int:
    """How many limbs hold the numbers from -`largest` to `largest`."""
    return max(1, -(-largest.bit_length() // _BITS))


def widened(numbers: Sequence[int], limbs: int) -> Wide:
    """`numbers` as an array."""
    mask = (1 << _BITS) - 1
    lower = [[number >> _BITS * k & mask for number in numbers] for k in range(limbs - 1)]
    return np.array([*lower, [number >> _BITS * (limbs - 1) for number in numbers]], np.int64)


def differences(left: Wide, right: Wide) -> Wide:
    """All numbers of `left` minus the first of `right`, then minus the second, and so on."""
    return _carried((left[:, None, :] - right[:, :, None]).reshape(len(left), -1))


def difference(left: Wide, right: Wide) -> Wide:
    """The element-wise difference of `left` and `right`."""
    return _carried(left - right)


def capped(numbers: Wide, most: int) -> Wide:
    """The smaller of each of `numbers` and `most`."""
    return lesser(numbers, caps([most], len(numbers)))


def caps(numbers: Sequence[int], limbs: int) -> Wide:
    """`numbers`, each at most the largest number that the limbs hold."""
    return widened([min(number, (1 << _BITS * limbs) - 1) for number in numbers], limbs)


def lesser(numbers: Wide, cap: Wide) -> Wide:
    """The element-wise minimum of `numbers` and `cap`."""
    above = np.zeros(numbers.shape[1], np.bool_)
    for limb, most_limb in zip(numbers, cap, strict=True):
        above = (limb > most_limb) | ((limb == most_limb) & above)
    return np.asarray(np.where(above, cap, numbers))


def _carried(result: Wide) -> Wide:
    for k in range(len(result) - 1):
        result[k + 1] += result[k] >> _BITS
        result[k] &= (1 << _BITS) - 1
    return result


def shares(numbers: Wide, whole: int) -> NDArray[np.float64]:
    """`numbers`, none of them negative, divided by `whole`, to a few units in the last place."""
    bits = whole.bit_length()
    scaled = sum(np.ldexp(limb.astype(np.float64), _BITS * k - bits) for k, limb in enumerate(numbers))
    return np.asarray(scaled / (whole / (1 << bits)))


def ranks(numbers: Wide) -> NDArray[np.int64]:
    """0 for the least of `numbers`, 1 for the next that is not equal to it, and so on."""
    order = np.lexsort(numbers)
    ordered = numbers[:, order]
    result = np.zeros(numbers.shape[1], np.int64)
    result[order[1:]] = np.cumsum((ordered[:, 1:] != ordered[:, :-1]).any(0))
    return result
