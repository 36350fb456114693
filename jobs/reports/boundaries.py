"""Municipal boundaries from a file that the operator installs: IBGE's "malha municipal" as GeoJSON (RFC 7946).

A FeatureCollection whose features name their município by its 7-digit code in `codarea` (IBGE's service of meshes),
`CD_MUN` (its yearly files) or `id`; polygons and multipolygons, WGS 84 or SIRGAS 2000, which differ by centimetres.
"""

import functools
from pathlib import Path
from typing import Any, Final

import msgspec

from .errors import BoundariesUnreadable
from .places import Boundaries, Point

_CODES: Final = ("codarea", "CD_MUN", "id")
_LONGEST_RING: Final = 2_000
"""Points of a ring that are drawn: more cannot be seen on paper."""


class _Geometry(msgspec.Struct, frozen=True):
    type: str
    coordinates: Any


class _Feature(msgspec.Struct, frozen=True):
    geometry: _Geometry
    properties: dict[str, Any] | None = None


class _Collection(msgspec.Struct, frozen=True):
    features: list[_Feature]


@functools.lru_cache(maxsize=1)
def read_boundaries(path: str) -> Boundaries:
    """The rings by IBGE code; none where `path` is empty. Read once. Raises BoundariesUnreadable."""
    if not path:
        return {}
    try:
        features = msgspec.json.decode(Path(path).read_bytes(), type=_Collection).features
        found = {code: _rings(feature.geometry) for feature in features if (code := _code(feature))}
    except (OSError, msgspec.MsgspecError, TypeError, ValueError, IndexError) as error:
        raise BoundariesUnreadable(type(error).__name__) from error
    if not found:
        raise BoundariesUnreadable("no feature names a município")
    return found


def _code(feature: _Feature) -> str | None:
    named = feature.properties or {}
    return next((str(named[name]) for name in _CODES if len(str(named.get(name, ""))) == 7), None)


def _rings(geometry: _Geometry) -> list[list[Point]]:
    """Outer rings; holes do not matter to a drawing of where a place is."""
    match geometry.type:
        case "Polygon":
            polygons = [geometry.coordinates]
        case "MultiPolygon":
            polygons = geometry.coordinates
        case other:
            raise ValueError(f"a boundary that is a {other}")
    return [_thinned([(float(lon), float(lat)) for lon, lat, *_ in polygon[0]]) for polygon in polygons]


def _thinned(ring: list[Point]) -> list[Point]:
    step = -(-len(ring) // _LONGEST_RING)
    return ring[::step]
