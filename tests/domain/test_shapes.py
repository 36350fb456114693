"""The short way to accept a patch takes nothing that its checks refuse, and most of what devices send."""

import datetime as dt
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from techdengue.domain import validation
from techdengue.domain.entity_type import MUNICIPIO_FIELD, EntityType, Field
from techdengue.domain.errors import InvalidOperation, invalid
from techdengue.domain.fields import check_municipio, free_object
from techdengue.domain.registry import ENTITY_TYPES
from techdengue.domain.validation import validate, validate_patch
from tests.domain.sending import ATIVIDADE, CUIABA, EVIDENCIA, created, sent, updated

A, E = ENTITY_TYPES["atividade"], ENTITY_TYPES["evidencia"]
LAST = 2**63 - 1
TEXTS = st.sampled_from(
    ["", "a", "ção 😀", "a\0b", "\\u0000", "\ud800", "é\udfff", "x" * 64, "x" * 255, "é" * 501, "\x7f"]
)
NUMBERS = st.sampled_from(
    [0, 1, -1, True, False, 1.0, -0.0, 1e300, float("nan"), float("inf"), -float("inf"), LAST, LAST + 1, -LAST - 2]
) | st.integers(-(2**65), 2**65)
SCALARS = (
    st.none()
    | NUMBERS
    | TEXTS
    | st.sampled_from([b"x", dt.datetime.max.replace(tzinfo=dt.UTC), msgspec.msgpack.Ext(1, b"")])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.integers(), inner, max_size=3),
    max_leaves=8,
)


def nested(depth: int) -> dict[str, Any]:
    """So many objects inside one another."""
    return {"a": nested(depth - 1)} if depth > 1 else {}


COORDINATES = st.sampled_from([-56, -56.0974, -61.6334, -61.63340000000001, -50.2248, -15, -18.0416, -7.349, -7.3489])
ANY = st.integers(0, 32)
POINTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["Point", "Point", "point", "Line"])},
    optional={"coordinates": st.lists(COORDINATES | COORDINATES | NUMBERS, max_size=4), "bbox": JSON},
)
OBJECTS = (
    st.dictionaries(TEXTS, JSON, max_size=3)
    | st.builds(nested, st.integers(1, 18))
    | st.sampled_from([{"a": "x" * 70_000}, {"n" * 700: {f"{n:x}": 1 for n in range(1000)}}])
)
DAYS = st.builds("{:04}-{:02}-{:02}".format, st.sampled_from([1, 999, 2023, 2024, 2999, 9999]), ANY, ANY)
CLOCKS = st.sampled_from(
    ["T14:30:00Z", "t23:59:60.5-04:00", "T00:00:00+23:59", " 14:30:00Z", "T24:00:00Z", "T14:30Z", ""]
)
TIMES = st.builds("{}{}".format, DAYS, CLOCKS) | st.just(f"2024-01-15T14:30:00.{'1' * 44}Z\n")
WORDS = st.sampled_from(["VISTORIA", "vistoria", "CRIADA", "CONCLUIDA", "MANUAL", "FOTO", "VIDEO", "image/png", ""])
SIZES = st.sampled_from([1, 0, 2**20, 10 * 2**20, 10 * 2**20 + 1, 50 * 2**20, 50 * 2**20 + 1, 1.0, "1", True])
CODES = st.sampled_from([CUIABA, 5103403, "5103404", f"{CUIABA} "])
HASHES = st.sampled_from(["0f" * 32, "0F" * 32, "0f" * 31, f"{'0f' * 32}\n"])
LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "tipo": WORDS,
    "status": WORDS,
    "origem": WORDS,
    MUNICIPIO_FIELD: CODES,
    "localizacao": POINTS,
    "descricao": TEXTS,
    "metadata": OBJECTS,
    "usuario_responsavel": TEXTS,
    "iniciado_em": TIMES,
    "encerrado_em": TIMES,
    "atividade_id": NUMBERS | TEXTS,
    "hash_sha256": HASHES,
    "tamanho_bytes": SIZES,
    "content_type": WORDS,
}


@st.composite
def patches(draw: st.DrawFn) -> tuple[EntityType, Any]:
    """A patch that is good, but for one field or two that may not be."""
    entity_type = draw(st.sampled_from(list(ENTITY_TYPES.values())))
    good = ATIVIDADE if entity_type.name == "atividade" else EVIDENCIA
    data: dict[Any, Any] = dict(good) if draw(st.booleans()) else {}
    for name in draw(st.lists(st.sampled_from(list(entity_type.fields)), min_size=1, max_size=2)):
        data[name] = draw(LIKELY[name] | LIKELY[name] | LIKELY[name] | SCALARS | JSON)
    if draw(st.integers(0, 9)) == 0:
        data[draw(TEXTS | st.just("cor") | st.integers())] = draw(JSON)
    return entity_type, data


def refused(check: Any) -> tuple[Any, ...] | None:
    """How a check refuses; None where it does not."""
    try:
        check()
    except InvalidOperation as error:
        return error.code, error.message, error.path
    return None


def place(*coordinates: Any) -> dict[str, Any]:
    """A patch of a point."""
    return {"localizacao": {"type": "Point", "coordinates": list(coordinates)}}


@given(patches(), st.sampled_from(["create", "update"]))
@example((A, ATIVIDADE | {"encerrado_em": "2024", "iniciado_em": "2024"}), "create")
@example((E, EVIDENCIA | {"tipo": "AUDIO", "tamanho_bytes": 50 * 2**20}), "update")
@example((E, EVIDENCIA | {"atividade_id": None}), "update")
@example((A, {"tipo": None}), "update")
@example((A, {"usuario_responsavel": "é" * 256}), "update")
@example((A, {"descricao": "a\0b"}), "update")
@example((A, {"encerrado_em": "2023-02-29T14:30:00Z"}), "update")
@example((A, {"encerrado_em": "2024-04-31T14:30:00Z"}), "update")
@example((A, {"encerrado_em": "0001-01-01T00:00:00+00:01"}), "update")
@example((A, {"encerrado_em": "2024-01-15T14:30:00Z\n"}), "update")
@example((A, {"encerrado_em": "2024-01-15T14:30:0\u0665Z"}), "update")
@example((A, {"encerrado_em": f"2024-01-15T14:30:00.{'1' * 64}Z"}), "update")
@example((E, {"status": "CONCLUIDA"}), "update")
@example((E, {"atividade_id": "x" * 65}), "update")
@example((E, {"atividade_id": "a\x85"}), "update")
@example((E, {"atividade_id": ""}), "update")
@example((E, {"hash_sha256": f"{'0f' * 32}\n"}), "update")
@example((A, {"metadata": {"a": "x" * 70_000}}), "update")
@example((A, {"metadata": {"n" * 700: {f"{n:x}": 1 for n in range(1000)}}}), "update")
@example((A, {"metadata": nested(17)}), "update")
@example((A, {"metadata": {"a": [float("nan")]}}), "update")
@example((A, {"metadata": {"a": [LAST + 1]}}), "update")
@example((A, {"metadata": {"a": {1: 1}}}), "update")
@example((A, place(-61.63340000000001, -15)), "update")
@example((A, place(-56, -7.3489999)), "update")
@example((A, place(-56, -15, float("nan"))), "update")
@example((A, place(-56, -15, LAST + 1)), "update")
@example((A, place(-56, -15, 1, 1)), "update")
@example((A, place(True, -15)), "update")
def test_an_operation_is_refused_just_where_the_checks_refuse_its_patch(
    given_patch: tuple[EntityType, Any], kind: str
) -> None:
    entity_type, data = given_patch
    told = refused(lambda: validate(sent(kind, entity_type.name, data=data)))
    assert told == refused(lambda: validate_patch(entity_type, data, creating=kind == "create"))


WHOLE = ATIVIDADE | {
    "status": "CRIADA",
    "origem": None,
    "localizacao": {"type": "Point", "coordinates": [-56.0974, -15, 165]},
    "descricao": "Vistoria em imóvel residencial\n",
    "metadata": {"setor": 12, "fotos": [{"nome": "a", "gps": [-56.1, -15.2]}], "larvas": None},
    "usuario_responsavel": "agente",
    "encerrado_em": "2024-01-15T10:30:00.5-04:00",
}


@pytest.mark.parametrize(
    "operation",
    [
        sent("create", data=WHOLE),
        sent("update", data={"status": "CONCLUIDA", "metadata": {"larvas": True}}),
        sent("update", data={}),
        sent("create", "evidencia", data=EVIDENCIA | {"tipo": "FOTO", "status": "PENDENTE", "metadata": {}}),
    ],
)
def test_what_devices_send_takes_the_short_way(operation: Any) -> None:
    with patch.object(validation, "validate_patch", side_effect=AssertionError("the long way")):
        validate(operation)


def check_even(value: Any, path: str) -> None:
    """A check that says no shape."""
    if value % 2:
        raise invalid("it is odd", path)


def test_a_check_need_not_say_its_shape() -> None:
    fields = {
        MUNICIPIO_FIELD: Field(check=check_municipio, required=True),
        "sapatos": Field(check=check_even, required=True),
        "luvas": Field(check=check_even),
        "extra": Field(check=free_object(max_depth=2, max_bytes=20)),
    }
    entity_type = EntityType(name="visita", fields=fields)
    good = {MUNICIPIO_FIELD: CUIABA, "sapatos": 2}
    wrongs: list[dict[str, Any]] = [{"sapatos": 3}, {"sapatos": None}, {"luvas": 1}, {"extra": {"a": "x" * 20}}]
    for kind in ("create", "update"):
        assert validate(sent(kind, "visita", data=good), {"visita": entity_type}).data == good
        for wrong in wrongs:
            with pytest.raises(InvalidOperation) as caught:
                validate(sent(kind, "visita", data=good | wrong), {"visita": entity_type})
            assert [caught.value.path] == [f"/data/{name}" for name in wrong]


def test_every_day_of_a_year_without_a_29th_of_february_takes_the_short_way() -> None:
    first = dt.date(2023, 1, 1)
    with patch.object(validation, "validate_patch", side_effect=AssertionError("the long way")):
        for day in range(365):
            updated(encerrado_em=f"{first + dt.timedelta(days=day)}T14:30:00Z")


def test_the_digest_of_an_operation_is_the_same_for_ever() -> None:
    place = {"type": "Point", "coordinates": [-56, -15.5]}
    assert (
        created(metadata={"b": 1, "a": [True, None, "ç"]}, localizacao=place).digest.hex()
        == "9b2f1a7f0d5b2638fe1bf5246c1448d1"
    )
    assert updated("evidencia", status="ERRO").digest.hex() == "a5b36de8966374d3835ee68347f890d6"
