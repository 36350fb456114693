"""Every row of the table of `atividade`, on both sides of each boundary."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from techdengue.domain import atividade
from techdengue.domain.municipios import MUNICIPIOS
from tests.domain.sending import created, update_refusal, updated


@pytest.mark.parametrize(
    ("field", "words"),
    [("tipo", atividade.TIPOS), ("status", atividade.STATUS), ("origem", atividade.ORIGENS)],
)
def test_an_enum_takes_its_words_and_no_others(field: str, words: Sequence[str]) -> None:
    for word in words:
        assert updated(**{field: word}).data == {field: word}
        update_refusal(f"/data/{field}", **{field: word.lower()})
    others: tuple[Any, ...] = ("", "OUTRA", 1, True, [], {}, ["VISTORIA"])
    for other in others:
        message = update_refusal(f"/data/{field}", **{field: other})
        assert all(word in message for word in words)


def test_the_words_are_those_of_the_field() -> None:
    assert len(atividade.TIPOS) == 8
    assert len(atividade.STATUS) == 4
    assert len(atividade.ORIGENS) == 4


def test_every_municipio_of_mato_grosso_may_have_an_atividade() -> None:
    for code in MUNICIPIOS:
        assert created(municipio_cod_ibge=code).municipio == code


@pytest.mark.parametrize("code", ["5103404", "3550308", "5100000", "510340", "51034033", " 5103403", 5103403, [], {}])
def test_an_unknown_municipio_is_refused(code: object) -> None:
    assert "IBGE" in update_refusal("/data/municipio_cod_ibge", municipio_cod_ibge=code)


@pytest.mark.parametrize(("field", "longest"), [("descricao", 1_000), ("usuario_responsavel", 255)])
def test_a_text_has_a_longest_length_counted_in_characters(field: str, longest: int) -> None:
    for text in ("", "a" * longest, "😀" * longest, "linha\noutra\t"):
        assert updated(**{field: text}).data == {field: text}
    wrongs: tuple[Any, ...] = ("a" * (longest + 1), "a\0b", "\ud83d", 5, [])
    for wrong in wrongs:
        update_refusal(f"/data/{field}", **{field: wrong})


@pytest.mark.parametrize("field", ["iniciado_em", "encerrado_em"])
def test_a_time_of_the_device_needs_an_offset_and_is_kept_as_sent(field: str) -> None:
    time = "2024-01-15T10:30:00.123456789-04:00"
    assert updated(**{field: time}).data == {field: time}
    wrongs: tuple[Any, ...] = ("2024-01-15T10:30:00", "2024-01-15", "", 1705329000, {})
    for wrong in wrongs:
        update_refusal(f"/data/{field}", **{field: wrong})


# localizacao


def point(*coordinates: object) -> dict[str, object]:
    return {"type": "Point", "coordinates": list(coordinates)}


@pytest.mark.parametrize(
    "coordinates",
    [
        (-61.6334, -18.0416),
        (-50.2248, -7.3490),
        (-56, -15),
        (-56.0974, -15.6010, 165.5),
        (-56.0974, -15.6010, -3),
    ],
)
def test_a_point_in_mato_grosso_is_accepted_its_borders_included(coordinates: Sequence[object]) -> None:
    assert updated(localizacao=point(*coordinates)).data == {"localizacao": point(*coordinates)}


@pytest.mark.parametrize(
    ("coordinates", "index"),
    [
        ((-61.63341, -15.0), 0),
        ((-50.22479, -15.0), 0),
        ((-56.0, -18.04161), 1),
        ((-56.0, -7.34899), 1),
        ((-46.6333, -23.5505), 0),
        ((math.nan, -15.0), 0),
        ((-56.0, math.inf), 1),
        ((10**400, -15.0), 0),
        ((-56.0, -15.0, math.nan), 2),
        ((-56.0, -15.0, 2**63), 2),
        (("-56.0", -15.0), 0),
        ((-56.0, None), 1),
        ((-56.0, True), 1),
    ],
)
def test_a_coordinate_that_is_outside_or_no_number_is_refused_at_its_index(
    coordinates: Sequence[object], index: int
) -> None:
    update_refusal(f"/data/localizacao/coordinates/{index}", localizacao=point(*coordinates))


def test_latitude_before_longitude_is_recognised() -> None:
    message = update_refusal("/data/localizacao/coordinates/0", localizacao=point(-15.6010, -56.0974))
    assert "longitude comes first" in message


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([-56.0, -15.0], ""),
        ("POINT(-56 -15)", ""),
        ({}, "/type"),
        ({"coordinates": [-56.0, -15.0]}, "/type"),
        ({"type": "Point"}, "/coordinates"),
        ({"type": "Polygon", "coordinates": [-56.0, -15.0]}, "/type"),
        ({"type": None, "coordinates": [-56.0, -15.0]}, "/type"),
        ({"type": "Point", "coordinates": None}, "/coordinates"),
        ({"type": "Point", "coordinates": []}, "/coordinates"),
        ({"type": "Point", "coordinates": [-56.0]}, "/coordinates"),
        ({"type": "Point", "coordinates": [-56.0, -15.0, 1.0, 1.0]}, "/coordinates"),
        ({"type": "Point", "coordinates": [-56.0, -15.0], "accuracy": 5}, "/accuracy"),
    ],
)
def test_a_location_is_a_whole_geojson_point(value: object, path: str) -> None:
    update_refusal(f"/data/localizacao{path}", localizacao=value)


def test_null_removes_a_location() -> None:
    assert updated(localizacao=None).data == {"localizacao": None}
