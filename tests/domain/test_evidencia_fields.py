"""Every row of the table of `evidencia`, on both sides of each boundary."""

import pytest

from techdengue.domain import evidencia
from tests.domain.sending import EVIDENCIA, created, refusal, sent, update_refusal, updated

MIB = 1024 * 1024
LARGEST = {"FOTO": 10 * MIB, "VIDEO": 50 * MIB, "DOCUMENTO": 5 * MIB, "AUDIO": 5 * MIB}


@pytest.mark.parametrize("atividade_id", [123, "123", "0190a5c8-7f3e-7cc0-8f2b-1b2c3d4e5f60"])
def test_the_atividade_is_named_by_its_id(atividade_id: object) -> None:
    assert created("evidencia", atividade_id=atividade_id).parent == f"atividade/{atividade_id}"


@pytest.mark.parametrize("atividade_id", ["", True, 1.5, "x" * 65, 2**63, {"id": 1}])
def test_what_is_no_id_names_no_atividade(atividade_id: object) -> None:
    refusal(sent("create", "evidencia", data=EVIDENCIA | {"atividade_id": atividade_id}), "/data/atividade_id")


@pytest.mark.parametrize(("tipo", "largest"), LARGEST.items())
def test_a_file_may_be_as_large_as_its_tipo_allows(tipo: str, largest: int) -> None:
    assert created("evidencia", tipo=tipo, tamanho_bytes=largest).data
    assert updated("evidencia", tipo=tipo, tamanho_bytes=largest).data
    message = update_refusal("/data/tamanho_bytes", "evidencia", tipo=tipo, tamanho_bytes=largest + 1)
    assert f"{largest:,}" in message


def test_without_its_tipo_a_file_may_be_as_large_as_the_largest() -> None:
    assert updated("evidencia", tamanho_bytes=50 * MIB).data
    assert updated("evidencia", tipo=None, tamanho_bytes=50 * MIB).data
    update_refusal("/data/tamanho_bytes", "evidencia", tamanho_bytes=50 * MIB + 1)


@pytest.mark.parametrize("size", [0, -1, 1.0, True, "1", 2**70])
def test_a_size_is_a_positive_integer(size: object) -> None:
    update_refusal("/data/tamanho_bytes", "evidencia", tamanho_bytes=size)


@pytest.mark.parametrize("tipo", ["foto", "IMAGEM", 1, []])
def test_an_unknown_tipo_is_refused(tipo: str) -> None:
    update_refusal("/data/tipo", "evidencia", tipo=tipo, tamanho_bytes=1)


def test_a_device_may_report_every_status_but_the_verified_one() -> None:
    for status in ("PENDENTE", "UPLOADING", "ERRO", "DELETADA"):
        assert updated("evidencia", status=status).data == {"status": status}
    assert "upload" in update_refusal("/data/status", "evidencia", status="CONCLUIDA")
    refusal(sent("create", "evidencia", data=EVIDENCIA | {"status": "CONCLUIDA"}), "/data/status")
    update_refusal("/data/status", "evidencia", status="CRIADA")


@pytest.mark.parametrize("digest", ["0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 64 + "\n", "", "٠" * 64, 0, None])
def test_a_hash_is_64_lower_case_hexadecimal_digits(digest: object) -> None:
    assert updated("evidencia", hash_sha256="0123456789abcdef" * 4).data
    update_refusal("/data/hash_sha256", "evidencia", hash_sha256=digest)


def test_a_content_type_is_one_that_the_console_can_show() -> None:
    assert len(evidencia.CONTENT_TYPES) == 10
    for content_type in evidencia.CONTENT_TYPES:
        assert updated("evidencia", content_type=content_type).data
    for other in ("image/gif", "IMAGE/JPEG", "", 1):
        update_refusal("/data/content_type", "evidencia", content_type=other)


def test_a_description_has_at_most_500_characters() -> None:
    assert updated("evidencia", descricao="é" * 500).data
    update_refusal("/data/descricao", "evidencia", descricao="é" * 501)


def test_a_device_cannot_name_its_own_object_key() -> None:
    update_refusal("/data/object_key", "evidencia", object_key="someone/elses.jpg")
