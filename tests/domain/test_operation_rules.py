"""What every operation must be, whatever its entity type: id, key, versions, município, and data where there is any."""

from typing import Any

import msgspec
import pytest

from techdengue.domain.entity_type import EntityType, MunicipioFrom
from techdengue.domain.errors import InvalidOperation
from techdengue.domain.operation import ErrorCode, OperationKind, Strategy
from techdengue.domain.registry import ENTITY_TYPES
from techdengue.domain.validation import validate, validate_patch
from tests.domain.sending import ATIVIDADE, CUIABA, EVIDENCIA, SINOP, created, refusal, sent, updated

LARGEST = 2**63 - 1


def test_a_valid_update_keeps_what_was_sent_and_adds_what_the_intake_needs() -> None:
    valid = validate(
        sent(
            data={"status": "CONCLUIDA"},
            client_timestamp="2024-01-15T10:30:00.5-04:00",
            base_version=7,
            conflict_resolution_strategy=Strategy.MERGE,
        )
    )
    assert valid.entity_type is ENTITY_TYPES["atividade"]
    assert (valid.entity_id, valid.stream, valid.kind) == (123, "atividade/123", OperationKind.UPDATE)
    assert valid.data == {"status": "CONCLUIDA"}
    assert (valid.client_time, valid.client_timestamp) == (1705329000500000, "2024-01-15T14:30:00.500000Z")
    assert (valid.key, valid.strategy, valid.base_version) == ("key-1", Strategy.MERGE, 7)
    assert (valid.municipio, valid.parent, len(valid.digest)) == (None, None, 16)


def test_an_unknown_entity_type_is_answered_with_the_known_ones() -> None:
    message = refusal(sent(entity_type="vistoria"), "/entity_type", code=ErrorCode.UNKNOWN_ENTITY_TYPE)
    assert "'vistoria'" in message
    assert "atividade or evidencia" in message


def test_a_number_and_its_text_name_the_same_stream_and_each_is_kept_as_sent() -> None:
    number, text = validate(sent(entity_id=123)), validate(sent(entity_id="123"))
    assert number.stream == text.stream
    assert (number.entity_id, text.entity_id) == (123, "123")
    assert number.digest == text.digest


@pytest.mark.parametrize("entity_id", [0, -1, LARGEST, -(2**63), "a", "é/ü 1", "x" * 64, "😀" * 64])
def test_an_id_is_a_signed_64_bit_integer_or_a_short_string(entity_id: object) -> None:
    assert validate(sent(entity_id=entity_id)).stream == f"atividade/{entity_id}"


@pytest.mark.parametrize(
    "entity_id",
    [
        True,
        1.5,
        None,
        [],
        LARGEST + 1,
        -(2**63) - 1,
        2**200,
        "",
        "x" * 65,
        "a\0",
        "a\nb",
        "\x7f",
        "\x9f",
        "\ud800",
    ],
)
def test_anything_else_is_no_id(entity_id: object) -> None:
    refusal(sent(entity_id=entity_id), "/entity_id")


@pytest.mark.parametrize("key", ["k", "x" * 255, "chave-ção"])
def test_a_key_has_1_to_255_printable_characters(key: object) -> None:
    assert validate(sent(idempotency_key=key)).key == key


@pytest.mark.parametrize("key", ["", "x" * 256, "a\0b", "a\tb", "\udfff", 5])
def test_anything_else_is_no_key(key: object) -> None:
    refusal(sent(idempotency_key=key), "/idempotency_key")


@pytest.mark.parametrize(
    ("base_version", "expected"), [(0, 0), (LARGEST, LARGEST), (None, None), (msgspec.UNSET, None)]
)
def test_a_base_version_is_an_integer_from_0_or_left_out(base_version: object, expected: object) -> None:
    assert validate(sent(base_version=base_version)).base_version == expected


@pytest.mark.parametrize("base_version", [-1, LARGEST + 1, True, 1.0, "7"])
def test_anything_else_is_no_base_version(base_version: object) -> None:
    refusal(sent(base_version=base_version), "/base_version")


def test_a_bad_client_timestamp_is_refused_at_its_path() -> None:
    refusal(sent(client_timestamp="yesterday"), "/client_timestamp")


# data: present where it must be, and only there


@pytest.mark.parametrize("kind", ["create", "update"])
@pytest.mark.parametrize("data", [None, msgspec.UNSET, [], "x"])
def test_a_create_or_update_without_an_object_as_data_is_refused(kind: str, data: object) -> None:
    refusal(sent(kind, data=data), "/data")


@pytest.mark.parametrize("data", [None, msgspec.UNSET])
def test_a_delete_carries_no_data(data: object) -> None:
    assert validate(sent("delete", data=data)).data is None


@pytest.mark.parametrize("data", [{}, {"status": "CONCLUIDA"}])
def test_a_delete_with_data_is_refused(data: object) -> None:
    refusal(sent("delete", data=data), "/data")


def test_an_empty_update_is_valid() -> None:
    assert updated().data == {}


def test_an_unknown_field_is_refused_with_the_hint_where_free_fields_go() -> None:
    message = refusal(sent(data={"setor": "12"}), "/data/setor")
    assert "'setor'" in message
    assert "metadata" in message


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b~c", "/data/a~1b~0c"),
        ("", "/data/"),
        ("\ud800", "/data"),
        ("\0", "/data"),
        ("x" * 101, "/data"),
        (5, "/data/5"),
    ],
)
def test_the_path_of_an_unknown_field_is_a_json_pointer_that_can_be_answered(name: str, path: str) -> None:
    refusal(sent(data={name: 1}), path)


@pytest.mark.parametrize("field", ATIVIDADE)
def test_an_atividade_is_not_created_without_its_required_fields(field: str) -> None:
    rest = {name: value for name, value in ATIVIDADE.items() if name != field}
    assert field in refusal(sent("create", data=rest), f"/data/{field}")


@pytest.mark.parametrize("field", EVIDENCIA)
def test_an_evidencia_is_not_created_without_its_required_fields(field: str) -> None:
    rest = {name: value for name, value in EVIDENCIA.items() if name != field}
    assert field in refusal(sent("create", "evidencia", data=rest), f"/data/{field}")


@pytest.mark.parametrize("kind", ["create", "update"])
@pytest.mark.parametrize("field", ATIVIDADE)
def test_null_never_removes_a_required_field(kind: str, field: str) -> None:
    refusal(sent(kind, data=ATIVIDADE | {field: None}), f"/data/{field}")


@pytest.mark.parametrize("entity_type", ENTITY_TYPES.values(), ids=lambda entity_type: entity_type.name)
def test_null_removes_every_optional_field(entity_type: EntityType) -> None:
    optional = set(entity_type.fields) - entity_type.required
    assert optional
    validate_patch(entity_type, dict.fromkeys(optional), creating=False)


def test_an_update_needs_no_required_field() -> None:
    assert updated(status="CONCLUIDA").data == {"status": "CONCLUIDA"}


def test_defaults_are_for_readers_and_never_written_into_a_document() -> None:
    assert created().data == ATIVIDADE
    assert ENTITY_TYPES["atividade"].defaults == {"status": "CRIADA", "origem": "MANUAL"}
    assert ENTITY_TYPES["evidencia"].defaults == {"status": "PENDENTE"}


# município and parent


def test_a_create_takes_its_municipio_from_its_data() -> None:
    assert created().municipio == CUIABA


def test_a_create_may_repeat_its_municipio_beside_the_id() -> None:
    assert validate(sent("create", municipio_cod_ibge=CUIABA)).municipio == CUIABA


def test_a_create_that_names_two_municipios_is_refused() -> None:
    refusal(sent("create", municipio_cod_ibge=SINOP), "/municipio_cod_ibge")


@pytest.mark.parametrize("kind", ["update", "delete"])
def test_an_update_or_delete_takes_its_municipio_from_beside_the_id(kind: str) -> None:
    assert validate(sent(kind, municipio_cod_ibge=SINOP)).municipio == SINOP
    assert validate(sent(kind, municipio_cod_ibge=None)).municipio is None
    assert validate(sent(kind)).municipio is None


@pytest.mark.parametrize("municipio", ["5103404", "3550308", "510340", "", 5103403])
def test_a_municipio_beside_the_id_is_a_real_one_of_mato_grosso(municipio: object) -> None:
    refusal(sent(municipio_cod_ibge=municipio), "/municipio_cod_ibge")


def test_a_create_of_an_evidencia_names_its_parent_and_not_its_municipio() -> None:
    valid = created("evidencia", atividade_id="abc")
    assert (valid.parent, valid.municipio) == ("atividade/abc", None)
    assert valid.entity_type.municipio_from is MunicipioFrom.PARENT


def test_only_a_create_has_a_parent() -> None:
    assert updated("evidencia", atividade_id=5).parent is None
    assert validate(sent("delete", "evidencia")).parent is None
    assert created().parent is None


# fixed fields


@pytest.mark.parametrize(
    ("entity_type", "field", "value", "other"),
    [("atividade", "municipio_cod_ibge", CUIABA, SINOP), ("evidencia", "atividade_id", 5, 6)],
)
def test_a_fixed_field_keeps_its_value(entity_type: str, field: str, value: object, other: object) -> None:
    kind = ENTITY_TYPES[entity_type]
    assert kind.fixed_fields == (field,)
    kind.check_fixed({field: value}, {field: value})
    kind.check_fixed({field: value}, {"status": "ERRO"})
    kind.check_fixed({}, {field: other})
    with pytest.raises(InvalidOperation) as caught:
        kind.check_fixed({field: value}, {field: other})
    assert caught.value.path == f"/data/{field}"
    assert caught.value.code is ErrorCode.INVALID_DATA


def test_a_fixed_id_is_the_same_as_a_number_and_as_text() -> None:
    ENTITY_TYPES["evidencia"].check_fixed({"atividade_id": 7}, {"atividade_id": "7"})


# what an idempotency key stands for


def test_the_same_content_has_the_same_digest_however_it_is_written() -> None:
    one = created(descricao="x", metadata={"a": {"b": 1, "c": 2}, "d": 3})
    again = validate(
        sent(
            "create",
            entity_id="123",
            data={"metadata": {"d": 3, "a": {"c": 2, "b": 1}}, "descricao": "x"} | ATIVIDADE,
            client_timestamp="2024-01-15T10:30:00.000-04:00",
            base_version=None,
        )
    )
    assert one.digest == again.digest


@pytest.mark.parametrize(
    "change",
    [
        {"entity_id": 124},
        {"entity_type": "evidencia"},
        {"data": {"status": "CONCLUIDA"}},
        {"data": {"status": None}},
        {"client_timestamp": "2024-01-15T14:30:00.000001Z"},
        {"conflict_resolution_strategy": Strategy.MERGE},
        {"base_version": 0},
    ],
    ids=str,
)
def test_any_other_content_has_another_digest(change: dict[str, Any]) -> None:
    assert validate(sent()).digest != validate(sent(**change)).digest


def test_a_delete_and_an_empty_update_have_different_digests() -> None:
    assert validate(sent("delete")).digest != validate(sent("update")).digest


def test_the_key_and_where_the_municipio_stood_are_no_content() -> None:
    assert validate(sent()).digest == validate(sent(idempotency_key="other", municipio_cod_ibge=CUIABA)).digest


def test_a_digest_is_stable_for_ever() -> None:
    assert updated(status="CONCLUIDA").digest.hex() == "f000f4739568d7a2c4dc25092290c19f"
