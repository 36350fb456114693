"""Where an activity was: a GeoJSON Point (RFC 7946) inside the rectangle around Mato Grosso."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from .errors import invalid
from .free_json import FiniteNumber, PlainInteger, is_plain
from .shapes import shaped
from .wording import listed, pointer, shown


class Bounds(msgspec.Struct, frozen=True):
    """A rectangle in degrees (WGS 84), its edges included."""

    west: float
    south: float
    east: float
    north: float

    def contains(self, longitude: float, latitude: float) -> bool:
        """Whether a position lies inside or on an edge."""
        return self.west <= longitude <= self.east and self.south <= latitude <= self.north


MATO_GROSSO = Bounds(west=-61.6334, south=-18.0416, east=-50.2248, north=-7.3490)

_WEST, _SOUTH, _EAST, _NORTH = MATO_GROSSO.west, MATO_GROSSO.south, MATO_GROSSO.east, MATO_GROSSO.north
_MEMBERS = ("type", "coordinates")
_EXAMPLE = '{"type": "Point", "coordinates": [-56.0974, -15.6010]}'


class _Position(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    longitude: Annotated[float, Meta(ge=_WEST, le=_EAST)]
    latitude: Annotated[float, Meta(ge=_SOUTH, le=_NORTH)]
    altitude: PlainInteger | FiniteNumber | UnsetType = UNSET


class _Point(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    type: Literal["Point"]
    coordinates: _Position


@shaped(_Point)
def check_point(value: Any, path: str) -> None:
    """Refuse all but a whole GeoJSON Point, `[lon, lat]` or `[lon, lat, alt]`, in Mato Grosso."""
    if type(value) is not dict or value.keys() != {"type", "coordinates"}:
        raise invalid(*_wrong_members(value, path))
    if value["type"] != "Point":
        raise invalid(f"type must be Point; this is {shown(value['type'])}", f"{path}/type")
    coordinates = value["coordinates"]
    if type(coordinates) is not list or not 2 <= len(coordinates) <= 3:
        raise invalid(
            f"coordinates must be [longitude, latitude] or [longitude, latitude, altitude]; "
            f"this is {shown(coordinates)}{f' of {len(coordinates)}' if type(coordinates) is list else ''}",
            f"{path}/coordinates",
        )
    for index, number in enumerate(coordinates):
        if type(number) is not float and type(number) is not int:
            raise invalid(f"a coordinate must be a number; this is {shown(number)}", f"{path}/coordinates/{index}")
    if not (_WEST <= coordinates[0] <= _EAST and _SOUTH <= coordinates[1] <= _NORTH and len(coordinates) == 2):
        _check_each(coordinates, path)


def _check_each(coordinates: list[float], path: str) -> None:
    longitude, latitude, *altitude = coordinates
    swapped = _WEST <= latitude <= _EAST and _SOUTH <= longitude <= _NORTH
    hint = "; longitude comes first, then latitude" if swapped else ""
    if not _WEST <= longitude <= _EAST:
        raise invalid(_outside("longitude", longitude, _WEST, _EAST) + hint, f"{path}/coordinates/0")
    if not _SOUTH <= latitude <= _NORTH:
        raise invalid(_outside("latitude", latitude, _SOUTH, _NORTH) + hint, f"{path}/coordinates/1")
    for metres in altitude:
        if not is_plain(metres):
            raise invalid(
                f"altitude must be a number of metres; this is {shown(metres)}; leave it out where it is not known",
                f"{path}/coordinates/2",
            )


def _outside(axis: str, degrees: float, least: float, most: float) -> str:
    return f"{axis} must be from {least:.4f} to {most:.4f} degrees, in Mato Grosso; this is {shown(degrees)}"


def _wrong_members(value: Any, path: str) -> tuple[str, str]:
    if type(value) is not dict:
        return f"{path.rpartition('/')[2]} must be a GeoJSON Point such as {_EXAMPLE}; this is {shown(value)}", path
    for name in _MEMBERS:
        if name not in value:
            return f"{name} is missing; a GeoJSON Point is sent whole, such as {_EXAMPLE}", f"{path}/{name}"
    unknown = next(name for name in value if name not in _MEMBERS)
    return f"a Point has {listed(_MEMBERS)} only; put {shown(unknown)} into metadata", pointer(path, unknown)
