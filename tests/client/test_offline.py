"""What a device does without a network: its user sees own work at once, and nothing needs a server."""

import json
import math
from pathlib import Path

import pytest

from techdengue.client import AmbiguousEntity, Device, Strategy, UnsendableData, WrongDevice

from .conftest import MakeDevice, shown
from .fake_server import FakeServer

VISIT = {"tipo": "VISTORIA", "municipio_cod_ibge": "5103403", "metadata": {"setor": "12", "quadra": "4"}}


def test_own_pending_work_is_seen_at_once(device: Device) -> None:
    device.create("atividade", 1, VISIT)
    device.update("atividade", 1, {"status": "EM_ANDAMENTO", "metadata": {"quadra": None, "larvas": 3}})
    seen = device.get("atividade", "1")
    assert seen is not None
    assert seen.data["metadata"] == {"setor": "12", "larvas": 3}
    assert (seen.version, seen.pending, seen.municipio_cod_ibge) == (None, 2, "5103403")
    device.delete("atividade", 1)
    assert device.get("atividade", 1) is None
    assert [operation.sent.operation.value for operation in device.pending()] == ["create", "update", "delete"]


def test_the_queue_survives_closing_the_app(make_device: MakeDevice) -> None:
    key = make_device().create("atividade", 1, VISIT)
    assert [operation.key for operation in make_device().pending()] == [key]


def test_a_file_serves_one_device_only(device: Device, tmp_path: Path) -> None:
    with pytest.raises(WrongDevice):
        Device(tmp_path / "android-1.sqlite", "http://unused", "another", "token")


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800", object()])
def test_what_json_cannot_carry_is_refused_before_it_is_queued(device: Device, value: object) -> None:
    with pytest.raises(UnsendableData):
        device.update("atividade", 1, {"metadata": {"area": [value]}})
    assert device.pending() == []


async def test_a_second_offline_edit_carries_the_last_version_that_the_server_showed(
    device: Device, server: FakeServer
) -> None:
    server.change(1, VISIT)
    await device.pull()
    device.update("atividade", 1, {"status": "EM_ANDAMENTO"})
    device.update("atividade", 1, {"status": "CONCLUIDA"})
    server.change(1, {"descricao": "outro"})
    await device.pull()
    device.update("atividade", 1, {"descricao": "meu"})
    assert [operation.sent.base_version for operation in device.pending()] == [1, 1, 2]


def test_an_update_of_an_own_unsent_creation_was_made_on_nothing(device: Device) -> None:
    device.create("atividade", 1, VISIT)
    device.update("atividade", 1, {"status": "CONCLUIDA"})
    device.update("atividade", 2, {"status": "CONCLUIDA"})
    bodies = [json.loads(operation.body) for operation in device.pending()]
    assert [body.get("base_version") for body in bodies] == [None, 0, None]


def test_evidence_belongs_to_the_municipio_of_its_atividade(device: Device) -> None:
    device.create("atividade", 1, VISIT)
    device.create("evidencia", "foto-1", {"atividade_id": 1})
    assert device.list("evidencia", municipio="5103403")[0].entity_id == "foto-1"


def test_an_id_used_in_two_municipios_needs_its_municipio(device: Device) -> None:
    device.create("atividade", 1, VISIT)
    device.create("atividade", 1, VISIT | {"municipio_cod_ibge": "5107602"})
    with pytest.raises(AmbiguousEntity):
        device.get("atividade", 1)
    device.update("atividade", 1, {"status": "CONCLUIDA"}, municipio="5107602")
    assert shown(device, 1, municipio="5107602")["status"] == "CONCLUIDA"
    assert "status" not in shown(device, 1, municipio="5103403")


def test_the_strategy_is_always_said(device: Device) -> None:
    device.create("atividade", 1, VISIT)
    device.delete("atividade", 1, strategy=Strategy.MANUAL)
    bodies = [json.loads(operation.body) for operation in device.pending()]
    assert [body["conflict_resolution_strategy"] for body in bodies] == ["last_write_wins", "manual"]
    assert "data" not in bodies[1]
    assert bodies[1]["municipio_cod_ibge"] == "5103403"
