"""A new entity type is one object: fields, what is required and fixed, and where its município comes from."""

import pytest

from techdengue.domain.entity_type import MUNICIPIO_FIELD, EntityType, Field
from techdengue.domain.errors import InvalidOperation
from techdengue.domain.fields import check_municipio, choice, integer
from techdengue.domain.registry import ENTITY_TYPES
from techdengue.domain.validation import validate, validate_patch
from tests.domain.sending import CUIABA, sent

ARMADILHA = EntityType(
    name="armadilha",
    fields={
        MUNICIPIO_FIELD: Field(check=check_municipio, required=True, fixed=True),
        "modelo": Field(check=choice(("OVITRAMPA", "BG")), default="OVITRAMPA"),
        "ovos": Field(check=integer(0, 10_000)),
    },
)
TYPES = ENTITY_TYPES | {ARMADILHA.name: ARMADILHA}


def test_it_is_validated_like_the_others() -> None:
    valid = validate(sent("create", "armadilha", data={MUNICIPIO_FIELD: CUIABA, "ovos": 3}), TYPES)
    assert (valid.entity_type, valid.stream, valid.municipio) == (ARMADILHA, "armadilha/123", CUIABA)


@pytest.mark.parametrize(("data", "path"), [({"ovos": -1}, "/data/ovos"), ({"cor": "azul"}, "/data/cor")])
def test_its_fields_are_checked(data: object, path: str) -> None:
    with pytest.raises(InvalidOperation) as caught:
        validate(sent("update", "armadilha", data=data), TYPES)
    assert caught.value.path == path


def test_its_defaults_required_and_fixed_fields_follow_from_its_fields() -> None:
    assert ARMADILHA.defaults == {"modelo": "OVITRAMPA"}
    assert ARMADILHA.required == {MUNICIPIO_FIELD}
    assert ARMADILHA.fixed_fields == (MUNICIPIO_FIELD,)


def test_a_custom_resolution_is_checked_by_the_same_rules() -> None:
    validate_patch(ARMADILHA, {"ovos": 5}, creating=False)
    with pytest.raises(InvalidOperation):
        validate_patch(ARMADILHA, {"ovos": "5"}, creating=False)


def test_the_registry_knows_each_type_by_its_name() -> None:
    assert list(ENTITY_TYPES) == ["atividade", "evidencia"]
    assert all(name == entity_type.name for name, entity_type in ENTITY_TYPES.items())
