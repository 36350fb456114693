"""Whatever a device sends, the answer is a valid operation or a refusal that can itself be sent."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from techdengue.domain.errors import InvalidOperation
from techdengue.domain.operation import SentOperation
from techdengue.domain.registry import ENTITY_TYPES
from techdengue.domain.validation import ValidOperation, validate
from tests.domain.sending import ATIVIDADE, EVIDENCIA, sent

TEXTS = st.text(st.characters(), max_size=20)  # lone surrogates and NUL included
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | TEXTS
    | st.binary(max_size=3)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS | st.integers(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted({name for entity_type in ENTITY_TYPES.values() for name in entity_type.fields})
LIKELY = st.sampled_from(
    [
        "VISTORIA",
        "CONCLUIDA",
        "FOTO",
        "5103403",
        "ab" * 32,
        "2024-01-15T14:30:00Z",
        {"type": "Point", "coordinates": [-56.0, -15.0]},
        {"type": "Point", "coordinates": [-56.0, -15.0, 1e300]},
        1,
        2**63,
    ]
)
DATA = st.dictionaries(st.sampled_from(FIELDS) | TEXTS, LIKELY | JSON, max_size=6)
KINDS = st.sampled_from(["create", "update", "delete"])
TYPES = st.sampled_from(["atividade", "evidencia"])


def answered(operation: SentOperation) -> None:
    outcome: ValidOperation | InvalidOperation
    try:
        outcome = validate(operation)
    except InvalidOperation as refusal:
        outcome = refusal
    if isinstance(outcome, ValidOperation):
        msgspec.json.encode((outcome.entity_id, outcome.stream, outcome.data))
        assert len(outcome.digest) == 16
    else:
        msgspec.json.encode((outcome.code, outcome.message, outcome.path))
        assert len(outcome.message) < 2_000


@given(KINDS, TYPES, DATA | JSON, st.booleans())
def test_no_data_breaks_validation(kind: str, entity_type: str, data: object, complete: object) -> None:
    if complete and isinstance(data, dict):
        data = (ATIVIDADE if entity_type == "atividade" else EVIDENCIA) | data
    answered(sent(kind, entity_type, data=data))


@given(KINDS, TYPES | TEXTS, JSON, JSON, JSON, JSON, JSON)
def test_nothing_beside_the_data_breaks_validation(
    kind: str, entity_type: str, entity_id: object, key: object, time: object, base_version: object, municipio: object
) -> None:
    answered(
        sent(
            kind,
            entity_type,
            entity_id=entity_id,
            idempotency_key=key,
            client_timestamp=time,
            base_version=base_version,
            municipio_cod_ibge=municipio,
        )
    )


@given(st.from_regex(r"\A\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?\Z"))
def test_no_text_in_the_shape_of_a_time_breaks_its_reading(text: str) -> None:
    answered(sent(client_timestamp=text))


CLEAN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcé", max_size=3), inner, max_size=4),
    max_leaves=12,
)


def backwards(value: Any) -> Any:
    """The same JSON with the keys of every object the other way round."""
    if isinstance(value, dict):
        return {key: backwards(inner) for key, inner in reversed(value.items())}
    return [backwards(inner) for inner in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text("abcé", max_size=3), CLEAN, max_size=4))
def test_the_order_of_keys_never_changes_a_digest(metadata: object) -> None:
    data = {"metadata": metadata, "status": "CONCLUIDA", "descricao": "x"}
    assert validate(sent(data=data)).digest == validate(sent(data=backwards(data))).digest
