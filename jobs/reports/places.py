"""Drawings of places without tiles: where in the state an activity was, and where around it its evidence was taken.

Equirectangular, true at the drawing's middle: over Mato Grosso a degree of longitude is drawn wrong by less than 3 %,
over a município by nothing that a line's width would show. Places in a drawing are from (0, 0), north-west, to (1, 1).
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from jobs.evidence.distance import metres_between
from techdengue.domain.geo import MATO_GROSSO, Bounds

from . import wording

_METRES_A_DEGREE: Final = math.pi * 6_371_008.8 / 180
"""Of latitude, on a sphere of the Earth's mean radius (IUGG)."""
_RINGS: Final = (25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000)
_STEPS: Final = (2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)

_EXPLAINED: Final = {
    True: "À esquerda, o limite do município conforme a malha municipal instalada neste servidor.",
    False: "À esquerda, o retângulo que contém Mato Grosso: este servidor não tem a malha municipal instalada, por "
    "isso o limite do município não é desenhado.",
}

Point = tuple[float, float]
"""Longitude and latitude in degrees (WGS 84), or x and y in a drawing."""
Boundaries = Mapping[str, list[list[Point]]]
"""The rings of municípios' boundaries, by IBGE code (`boundaries.read_boundaries`)."""


class Outline(msgspec.Struct, frozen=True):
    """A ring of a boundary; `own` is of the município that the report is about."""

    points: list[Point]
    own: bool


class GridLine(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """A meridian or a parallel."""

    start: Point
    end: Point
    label: str
    label_at: Point


class Ring(msgspec.Struct, frozen=True):
    """All that is so far away."""

    center: Point
    radius: float
    label: str


class Mark(msgspec.Struct, frozen=True):
    """Where one piece of evidence was taken."""

    at: Point
    label: str


class Bar(msgspec.Struct, frozen=True):
    """The scale."""

    length: float
    label: str


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """What the template draws."""

    outlines: list[Outline] = []
    lines: list[GridLine] = []
    rings: list[Ring] = []
    marks: list[Mark] = []
    point: Point | None = None
    bar: Bar
    caption: str
    explanation: str = ""


class _Window(msgspec.Struct, frozen=True):
    """A square of the Earth; `half` its half side in metres."""

    middle: Point
    half: float

    def place(self, point: Point) -> Point:
        east = (point[0] - self.middle[0]) * _METRES_A_DEGREE * math.cos(math.radians(self.middle[1]))
        north = (point[1] - self.middle[1]) * _METRES_A_DEGREE
        return _rounded((0.5 + east / self.half / 2, 0.5 - north / self.half / 2))

    def bar(self) -> Bar:
        """The longest round distance that takes at most a third of the side."""
        most = self.half * 2 / 3
        power = 10 ** math.floor(math.log10(most))
        metres = next(factor * power for factor in (5, 2, 1) if factor * power <= most)
        return Bar(length=round(metres / self.half / 2, 6), label=wording.distance(metres))


def in_the_state(point: Point | None, code: str, boundaries: Boundaries) -> Drawing:
    """The município with the point where its boundary is known, else the frame of Mato Grosso with the point.

    `code` is the município's IBGE code.
    """
    own = boundaries.get(code, [])
    window = _around(_bounds_of(itertools.chain.from_iterable(own)) if own else MATO_GROSSO, 1.12 if own else 1.04)
    others = [ring for other, rings in boundaries.items() if other != code for ring in rings]
    rings = [*((ring, False) for ring in others), *((ring, True) for ring in own)]
    outlines = [Outline([window.place(p) for p in ring], mine) for ring, mine in rings]
    if not boundaries:
        outlines = [Outline([window.place(corner) for corner in _corners(MATO_GROSSO)], False)]
    return Drawing(
        outlines=outlines,
        lines=_graticule(window),
        point=None if point is None else window.place(point),
        bar=window.bar(),
        explanation=_EXPLAINED[bool(own)],
        caption=_caption(point, wording.municipio(code), known=bool(own)),
    )


def around(point: Point, marks: Sequence[tuple[str, Point]]) -> Drawing | None:
    """What was taken around the point, by label, with rings of distance; None where nothing was taken within 50 km."""
    near = [(label, place, metres) for label, place in marks if (metres := metres_between(point, place)) <= _RINGS[-1]]
    if not near:
        return None
    farthest = max(metres for _, _, metres in near)
    outer = next(ring for ring in _RINGS if farthest <= ring)
    window = _Window(point, outer * 1.15)
    rings = [ring for ring in _RINGS if ring <= outer][-3:]
    return Drawing(
        rings=[Ring((0.5, 0.5), round(ring / window.half / 2, 6), wording.distance(ring)) for ring in rings],
        marks=[Mark(window.place(place), label) for label, place, _ in _one_a_place(near)],
        point=(0.5, 0.5),
        bar=window.bar(),
        caption="Posições gravadas nas evidências, pelo seu número; cruz: a atividade (WGS 84).",
        explanation=_explained(near, len(marks) - len(near)),
    )


def _one_a_place(near: list[tuple[str, Point, float]]) -> list[tuple[str, Point, float]]:
    """Marks of one very place (11 cm) as one, with all their numbers, at most four of them."""
    places: dict[Point, list[tuple[str, Point, float]]] = {}
    for item in near:
        places.setdefault((round(item[1][0], 6), round(item[1][1], 6)), []).append(item)
    return [
        (", ".join(label for label, _, _ in items[:4]) + ("…" if len(items) > 4 else ""), place, items[0][2])
        for place, items in places.items()
    ]


def _explained(near: list[tuple[str, Point, float]], far: int) -> str:
    distances = [metres for _, _, metres in near]
    told = (
        f"Ao lado, as {len(near)} evidências com posição própria: a mais próxima a {wording.distance(min(distances))} "
        f"da atividade, a mais distante a {wording.distance(max(distances))}."
    )
    return f"{told} {far} a mais de {wording.distance(_RINGS[-1])}, fora do desenho." if far else told


def _caption(point: Point | None, municipio: str, *, known: bool) -> str:
    frame = f"Município de {municipio}" if known else f"Mato Grosso; município do registro: {municipio}"
    where = "a atividade não informou posição" if point is None else f"cruz: a atividade, {wording.coordinates(*point)}"
    return f"{frame}; {where} (WGS 84)."


def _graticule(window: _Window) -> list[GridLine]:
    reach = window.half / _METRES_A_DEGREE
    wide = reach / math.cos(math.radians(window.middle[1]))
    (lon, lat) = window.middle
    step = next((step for step in _STEPS if 2 * reach / step >= 3), _STEPS[-1])
    lines = []
    for meridian in _multiples(lon - wide, lon + wide, step):
        x = window.place((meridian, lat))[0]
        lines.append(GridLine((x, 0.0), (x, 1.0), _degrees(meridian, "L", "O"), (x, 0.0)))
    for parallel in _multiples(lat - reach, lat + reach, step):
        y = window.place((lon, parallel))[1]
        lines.append(GridLine((0.0, y), (1.0, y), _degrees(parallel, "N", "S"), (0.0, y)))
    return lines


def _multiples(low: float, high: float, step: float) -> Iterable[float]:
    return (round(n * step, 6) for n in range(math.ceil(low / step), math.floor(high / step) + 1))


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):g}° {positive if value >= 0 else negative}".replace(".", ",")


def _around(bounds: Bounds, margin: float) -> _Window:
    middle = ((bounds.west + bounds.east) / 2, (bounds.south + bounds.north) / 2)
    high = (bounds.north - bounds.south) * _METRES_A_DEGREE
    wide = (bounds.east - bounds.west) * _METRES_A_DEGREE * math.cos(math.radians(middle[1]))
    return _Window(middle, max(high, wide, 1000.0) / 2 * margin)


def _bounds_of(points: Iterable[Point]) -> Bounds:
    longitudes, latitudes = zip(*points, strict=True)
    return Bounds(min(longitudes), min(latitudes), max(longitudes), max(latitudes))


def _corners(bounds: Bounds) -> list[Point]:
    return [
        (bounds.west, bounds.north),
        (bounds.east, bounds.north),
        (bounds.east, bounds.south),
        (bounds.west, bounds.south),
    ]


def _rounded(point: Point) -> Point:
    return round(point[0], 6), round(point[1], 6)
