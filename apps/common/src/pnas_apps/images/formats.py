"""Which files are images: the formats that are read, and the suffixes of their names."""

from contextlib import suppress
from functools import cache

from PIL import Image

HEIC_SUFFIXES = frozenset({".heic", ".heics", ".heif", ".heifs", ".hif"})
"""Of phones' photos, which Pillow reads with the help of pillow-heif alone."""
HEIC_WAY_OUT = "uv pip install pillow-heif"

_NO_PIXELS = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "PALM", "PDF", "WMF"})
"""What Pillow knows beside images: data, films, and drawings, for which it starts other programs."""


@cache
def image_formats() -> tuple[str, ...]:
    """The formats that are read, by Pillow's names, HEIF among them where pillow-heif is installed.

    That library tells Pillow of itself here, where something is about to be read, and not when this is imported.
    """
    Image.init()
    with suppress(ImportError):
        from pillow_heif import register_heif_opener

        register_heif_opener()
    return tuple(name for name in Image.ID if name not in _NO_PIXELS)


@cache
def image_suffixes() -> frozenset[str]:
    """File name suffixes of these formats, in lower case, such as ".jpg"."""
    image_formats()  # for those that it makes known
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name not in _NO_PIXELS)
