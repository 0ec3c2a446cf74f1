"""Tables, and the numbers in them."""

from math import floor, log10

from rich.table import Table


def plain_table(title: str) -> Table:
    """An empty table, as narrow as it can be."""
    return Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))


def short(count: int) -> str:
    """Three digits of a number of things: "116M", "36.9k", "704"."""
    if count < 1000:
        return str(count)
    # Rounded first: 999,600 is 1.00 million, not 1000 thousand.
    exponent = floor(log10(float(f"{count:.2e}")))
    unit = min(exponent // 3, len(_UNITS) - 1)
    return f"{count / 1000**unit:.{max(0, 2 - exponent + 3 * unit)}f}{_UNITS[unit]}"


def in_bytes(count: int) -> str:
    """A number of bytes, shortened: "148kB"."""
    return f"{short(count)}B"


def field_text(pixels: tuple[int, ...] | None) -> str:
    """A receptive field by its side: "7", or "1x7"; "all" where it is the whole image, or is not known."""
    if pixels is None:
        return "all"
    return f"{pixels[0]}" if len({*pixels}) == 1 else times(pixels)


def times(sizes: tuple[int, ...]) -> str:
    """Sizes with crosses between them."""
    return "x".join(map(str, sizes))


def map_text(shape: tuple[int, ...]) -> str:
    """The shape of a result for one image, a square map by its side: "64x56²"."""
    match shape[1:]:
        case (channels, height, width) if height == width:
            return f"{channels}x{height}²"
        case sizes:
            return times(sizes)


_UNITS = ("", "k", "M", "G", "T", "P")
