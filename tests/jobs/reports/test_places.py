"""Drawings of places: where a point is in its município, what was taken around it, and boundaries from IBGE's file."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.reports import evd01, places
from jobs.reports.boundaries import read_boundaries
from jobs.reports.errors import BoundariesUnreadable
from jobs.reports.typesetting import typeset_now
from techdengue.domain.geo import MATO_GROSSO

from .pdfa import findings
from .samples import CUIABA, POINT, source
from .test_sheets import in_one_line, text_of

VARZEA_GRANDE = "5108402"
longitudes = st.floats(MATO_GROSSO.west, MATO_GROSSO.east)
latitudes = st.floats(MATO_GROSSO.south, MATO_GROSSO.north)


def square(west: float, south: float, side: float) -> list[list[float]]:
    east, north = west + side, south + side
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def mesh(*features: dict[str, Any]) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


def feature(code: str, geometry: dict[str, Any], name: str = "codarea") -> dict[str, Any]:
    return {"type": "Feature", "properties": {name: code}, "geometry": geometry}


MESH = mesh(
    feature(CUIABA, {"type": "Polygon", "coordinates": [square(-56.3, -15.8, 0.5)]}),
    feature(VARZEA_GRANDE, {"type": "MultiPolygon", "coordinates": [[square(-56.8, -15.8, 0.5)]]}, "CD_MUN"),
    feature("51", {"type": "Polygon", "coordinates": [square(-61, -18, 9)]}),
)


@pytest.fixture
def mesh_file(tmp_path: Path) -> str:
    path = tmp_path / "malha.geojson"
    path.write_text(MESH)
    return str(path)


@given(longitude=longitudes, latitude=latitudes)
def test_every_point_of_the_state_is_within_its_frame(longitude: float, latitude: float) -> None:
    drawn = places.in_the_state((longitude, latitude), CUIABA, {})
    assert drawn.point is not None
    x, y = drawn.point
    assert 0 < x < 1
    assert 0 < y < 1
    assert x == pytest.approx(0.5 + (longitude - -55.9291) * 0.0861 * math.cos(math.radians(-12.6953)) / 0.975, abs=0.1)


@given(first=st.tuples(longitudes, latitudes), second=st.tuples(longitudes, latitudes))
def test_north_is_up_and_east_is_right(first: places.Point, second: places.Point) -> None:
    one, other = (places.in_the_state(point, CUIABA, {}).point for point in (first, second))
    assert one is not None
    assert other is not None
    assert one[0] == other[0] or (one[0] < other[0]) == (first[0] < second[0])
    assert one[1] == other[1] or (one[1] > other[1]) == (first[1] < second[1])


def test_without_boundaries_it_is_said_that_there_are_none() -> None:
    drawn = places.in_the_state(POINT, CUIABA, {})
    assert "não tem a malha municipal instalada" in drawn.explanation
    assert "Cuiabá — MT (IBGE 5103403)" in drawn.caption
    assert [outline.own for outline in drawn.outlines] == [False]


def test_with_boundaries_the_municipio_is_drawn_with_its_point_in_it(mesh_file: str) -> None:
    drawn = places.in_the_state(POINT, CUIABA, read_boundaries(mesh_file))
    assert [outline.own for outline in drawn.outlines] == [False, True]
    xs, ys = zip(*drawn.outlines[1].points, strict=True)
    assert 0 < min(xs) < max(xs) < 1
    assert 0 < min(ys) < max(ys) < 1
    assert drawn.point is not None
    assert min(xs) < drawn.point[0] < max(xs)
    assert min(ys) < drawn.point[1] < max(ys)
    pdf = typeset_now(evd01.lay_out(source(2), read_boundaries(mesh_file)))
    assert findings(pdf) == []
    assert "Município de Cuiabá — MT" in in_one_line(text_of(pdf)[0])


def test_a_municipio_that_the_file_lacks_is_drawn_in_the_state(mesh_file: str) -> None:
    drawn = places.in_the_state(POINT, "5107909", read_boundaries(mesh_file))
    assert [outline.own for outline in drawn.outlines] == [False, False]
    assert drawn.caption.startswith("Mato Grosso; município do registro: Sinop")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no JSON",
        "[]",
        mesh(),
        mesh(feature("5103403", {"type": "Point", "coordinates": [1, 2]})),
        mesh(feature("5103403", {"type": "Polygon", "coordinates": [["x"]]})),
        mesh(feature("5103403", {"type": "Polygon", "coordinates": []})),
    ],
)
def test_a_file_that_is_no_mesh_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "broken.geojson"
    path.write_text(content)
    with pytest.raises(BoundariesUnreadable, match="TECHDENGUE_BOUNDARIES_FILE"):
        read_boundaries(str(path))
    with pytest.raises(BoundariesUnreadable):
        read_boundaries(str(tmp_path / "nowhere"))


def test_a_boundary_of_very_many_points_is_thinned(tmp_path: Path) -> None:
    ring = [[-56 + math.cos(n / 5000), -15 + math.sin(n / 5000)] for n in range(31_416)]
    path = tmp_path / "fine.geojson"
    path.write_text(mesh(feature(CUIABA, {"type": "Polygon", "coordinates": [ring]})))
    assert len(read_boundaries(str(path))[CUIABA][0]) <= 2000


def north(metres: float) -> places.Point:
    return POINT[0], POINT[1] + metres / 111_195


def test_what_was_taken_is_drawn_at_its_distance() -> None:
    drawn = places.around(POINT, [("1", north(40)), ("2", north(80))])
    assert drawn is not None
    assert [ring.label for ring in drawn.rings] == ["25 m", "50 m", "100 m"]
    middle, outer = 0.5, drawn.rings[-1].radius
    assert [middle - mark.at[1] for mark in drawn.marks] == pytest.approx([outer * 0.4, outer * 0.8], abs=0.001)
    assert "a mais próxima a 40 m da atividade, a mais distante a 80 m" in drawn.explanation


def test_what_was_taken_far_away_is_told_and_not_drawn() -> None:
    drawn = places.around(POINT, [("1", north(5)), ("2", north(60_000))])
    assert drawn is not None
    assert [mark.label for mark in drawn.marks] == ["1"]
    assert "1 a mais de 50 km, fora do desenho" in drawn.explanation
    assert places.around(POINT, [("2", north(60_000))]) is None
    assert places.around(POINT, []) is None


def test_many_at_one_place_are_one_mark() -> None:
    drawn = places.around(POINT, [(str(n), north(10)) for n in range(1, 8)])
    assert drawn is not None
    assert [mark.label for mark in drawn.marks] == ["1, 2, 3, 4…"]
