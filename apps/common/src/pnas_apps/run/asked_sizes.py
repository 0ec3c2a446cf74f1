"""Sizes of a space that one is to be chosen from. Imports nothing heavy, since `--help` needs it."""

from itertools import product

from attrs import frozen

_WIDTHS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
_SHARES = (0.5, 0.75, 1.0)


@frozen(kw_only=True)
class AskedSizes:
    """Width multipliers and resolutions in pixels that a command line names; None where it leaves them open."""

    widths: tuple[float, ...] | None = None
    resolutions: tuple[int, ...] | None = None

    def pairs(self, resolution: int) -> list[tuple[float, int]]:
        """Every width at every resolution, where the preset has this one."""
        sizes = self.resolutions or tuple(dict.fromkeys(max(1, round(share * resolution)) for share in _SHARES))
        return [*product(self.widths or _WIDTHS, sizes)]
