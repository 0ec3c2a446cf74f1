"""Whether measurements on one device may stand for those on another."""

from collections.abc import Collection

from attrs import fields

from pnas_ops import DeviceInfo, PnasError

_FIELDS = tuple(attribute.name for attribute in fields(DeviceInfo))


class ForeignTableError(PnasError, ValueError):
    """A table of one device is used for another.

    Attributes:
        have: where the table was measured.
        want: the device that it is used for.
        differing: the names of the fields that differ and must not.
    """

    def __init__(
        self, what: str, way_out: str = "", *, have: DeviceInfo, want: DeviceInfo, differing: Collection[str]
    ) -> None:
        super().__init__(what, way_out)
        self.have = have
        self.want = want
        self.differing = tuple(differing)


def differing_fields(have: DeviceInfo, want: DeviceInfo) -> tuple[str, ...]:
    """The names of the fields in which two devices differ."""
    return tuple(name for name in _FIELDS if getattr(have, name) != getattr(want, name))


def describe_differences(have: DeviceInfo, want: DeviceInfo, names: Collection[str]) -> str:
    """Both values of the fields `names`: "dtype float32, not int8; threads 1, not 4"."""
    return "; ".join(f"{name} {getattr(have, name)}, not {getattr(want, name)}" for name in names)


def check_device(have: DeviceInfo, want: DeviceInfo, *, allow: Collection[str]) -> None:
    """Refuses a table of the device `have` for use on `want`; the fields that `allow` names may differ.

    Raises:
        ForeignTableError: naming each differing field with both values.
        ValueError: naming the items of `allow` that are no fields of `DeviceInfo`.
    """
    if unknown := sorted(set(allow) - set(_FIELDS)):
        raise ValueError(f"allow may name {', '.join(_FIELDS)}, got {', '.join(map(repr, unknown))}")
    if differing := [name for name in differing_fields(have, want) if name not in allow]:
        raise ForeignTableError(
            f"the table was measured with {describe_differences(have, want, differing)}",
            f"measure one on {want}, or say allow={differing!r} to use it nevertheless",
            have=have,
            want=want,
            differing=differing,
        )


def check_same_device(one: DeviceInfo, other: DeviceInfo) -> None:
    """Refuses to merge tables of two devices.

    Raises:
        ForeignTableError: naming each differing field with both values.
    """
    if differing := differing_fields(one, other):
        raise ForeignTableError(
            f"tables of two devices cannot be merged: {describe_differences(one, other, differing)}",
            have=one,
            want=other,
            differing=differing,
        )
