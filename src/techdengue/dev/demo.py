"""The demo territory: four municípios of Mato Grosso, three days of field work, and conflicts that wait for a manager.

The same every time: the operations and their keys come from a fixed seed and the day of the first load, so loading
again after an interruption records nothing twice.
"""

import asyncio
import datetime as dt
import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from techdengue.dev.errors import DevError
from techdengue.dev.private_files import write_private
from techdengue.domain.access import Role
from techdengue.http.auth import mint_local_token

HOME_MUNICIPIO: Final = "5103403"
"""Cuiabá, where atividade 1 is."""
DAYS: Final = 3
VISITS_A_DAY: Final = 10
CONFLICTS: Final = 2
"""Left open in each município."""
_SEED: Final = 5103403
_TIMEOUT: Final = aiohttp.ClientTimeout(total=60.0)
_FIRST_CREATED: Final = dt.datetime(2024, 1, 15, 8, 0, tzinfo=dt.UTC)

Operation = dict[str, Any]


class Municipio(msgspec.Struct, frozen=True):
    """A município of the demo: the ids of its atividades follow `first_id`."""

    code: str
    name: str
    longitude: float
    latitude: float
    first_id: int


MUNICIPIOS: Final = (
    Municipio(HOME_MUNICIPIO, "Cuiabá", -56.0974, -15.5989, 1),
    Municipio("5108402", "Várzea Grande", -56.1322, -15.6467, 10_001),
    Municipio("5107602", "Rondonópolis", -54.6356, -16.4708, 20_001),
    Municipio("5107909", "Sinop", -55.5021, -11.8642, 30_001),
)


class Batch(msgspec.Struct, frozen=True):
    """What one device sends in one request."""

    municipio: str
    device: str
    operations: list[Operation]


class DemoRecord(msgspec.Struct, frozen=True):
    """What the record file says: when the first load began, and whether one has come to its end."""

    began: dt.datetime
    complete: bool


async def load_demo(api: str, key: Path, record: Path, show: Callable[[str], None]) -> bool:
    """Load the demo territory over HTTP unless the record says that it is there; whether it was loaded now.

    Raises DevError when the server refuses one of its operations.
    """
    known = await asyncio.to_thread(_read_record, record)
    if known is not None and known.complete:
        return False
    began = dt.datetime.now(dt.UTC) if known is None else known.began
    await asyncio.to_thread(_write_record, record, DemoRecord(began, complete=False))
    show("loading the demo territory …")
    sent = 0
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        for batch in demo_batches(began):
            await _send(session, api, key, batch)
            sent += len(batch.operations)
    await asyncio.to_thread(_write_record, record, DemoRecord(began, complete=True))
    show(f"the demo territory is loaded: {sent} operations in {len(MUNICIPIOS)} municípios")
    return True


def demo_batches(began: dt.datetime) -> Iterator[Batch]:
    """Every batch of the demo, in the order in which they reach the server."""
    yield _first_atividade()
    for municipio in MUNICIPIOS:
        chance = random.Random(_SEED + municipio.first_id)  # noqa: S311  # a demo, the same every time
        for day in range(DAYS):
            morning = (began - dt.timedelta(days=DAYS - day)).replace(hour=11, minute=0, second=0, microsecond=0)
            yield _field_day(municipio, day, morning, chance)
        yield _late_edits(municipio, morning + dt.timedelta(hours=9))


def _first_atividade() -> Batch:
    """Atividade 1: created on the morning of the day on which the first sync of the documents concludes it."""
    cuiaba = MUNICIPIOS[0]
    created = _operation("atividade", 1, "create", "primeira", _FIRST_CREATED) | {
        "data": {
            "tipo": "VISTORIA",
            "municipio_cod_ibge": cuiaba.code,
            "localizacao": {"type": "Point", "coordinates": [cuiaba.longitude, cuiaba.latitude]},
            "descricao": "Vistoria na Praça Alencastro",
            "metadata": {"setor": "Centro Norte", "quadra": "1"},
        }
    }
    return Batch(cuiaba.code, "demo-primeira", [created])


def _field_day(municipio: Municipio, day: int, morning: dt.datetime, chance: random.Random) -> Batch:
    operations: list[Operation] = []
    for visit in range(VISITS_A_DAY):
        number = municipio.first_id + 1 + day * VISITS_A_DAY + visit
        start = morning + dt.timedelta(minutes=45 * visit)
        operations += _visit(municipio, number, start, chance)
    return Batch(municipio.code, f"demo-{municipio.code}-a", operations)


def _visit(municipio: Municipio, number: int, start: dt.datetime, chance: random.Random) -> Iterator[Operation]:
    place = [
        round(municipio.longitude + chance.uniform(-0.04, 0.04), 6),
        round(municipio.latitude + chance.uniform(-0.04, 0.04), 6),
    ]
    yield _operation("atividade", number, "create", f"{number}-criada", start) | {
        "data": {
            "tipo": chance.choice(("VISTORIA", "LIRAA", "PESQUISA_LARVARIA", "BLOQUEIO", "EDUCACAO")),
            "origem": chance.choice(("MANUAL", "DENUNCIA", "ALERTA")),
            "municipio_cod_ibge": municipio.code,
            "localizacao": {"type": "Point", "coordinates": place},
            "descricao": f"Quadra {number % 97 + 1}, {municipio.name}",
            "metadata": {"setor": f"S{number % 9 + 1}", "quadra": str(number % 97 + 1)},
        }
    }
    begun = start + dt.timedelta(minutes=5)
    yield _operation("atividade", number, "update", f"{number}-iniciada", begun) | {
        "municipio_cod_ibge": municipio.code,
        "data": {"status": "EM_ANDAMENTO", "iniciado_em": begun.isoformat()},
    }
    if chance.random() < 0.4:
        yield _photo(municipio, number, begun + dt.timedelta(minutes=3), chance)
    if chance.random() < 0.8:
        ended = start + dt.timedelta(minutes=chance.randint(15, 40))
        yield _operation("atividade", number, "update", f"{number}-encerrada", ended) | {
            "municipio_cod_ibge": municipio.code,
            "data": {
                "status": "CONCLUIDA",
                "encerrado_em": ended.isoformat(),
                "metadata": {"depositos": chance.randint(0, 12), "larvas": chance.random() < 0.3},
            },
        }


def _photo(municipio: Municipio, number: int, taken: dt.datetime, chance: random.Random) -> Operation:
    return _operation("evidencia", f"demo-foto-{number}", "create", f"{number}-foto", taken) | {
        "municipio_cod_ibge": municipio.code,
        "data": {
            "atividade_id": number,
            "tipo": "FOTO",
            "hash_sha256": hashlib.sha256(f"foto {number}".encode()).hexdigest(),
            "tamanho_bytes": chance.randint(200_000, 4_000_000),
            "content_type": "image/jpeg",
            "descricao": "Depósito com água parada",
        },
    }


def _late_edits(municipio: Municipio, evening: dt.datetime) -> Batch:
    """A second device edits what it saw in the morning: what the first did since is unseen, and a person decides."""
    operations = []
    for offset in range(CONFLICTS):
        number = municipio.first_id + 1 + offset
        edit = _operation("atividade", number, "update", f"{number}-tarde", evening + dt.timedelta(minutes=offset))
        operations.append(
            edit
            | {
                "municipio_cod_ibge": municipio.code,
                "data": {"status": "CANCELADA", "descricao": "Imóvel fechado, morador ausente"},
                "conflict_resolution_strategy": "manual",
                "base_version": 1,
            }
        )
    return Batch(municipio.code, f"demo-{municipio.code}-b", operations)


def _operation(entity_type: str, entity_id: int | str, operation: str, key: str, at: dt.datetime) -> Operation:
    return {
        "entity_type": entity_type,
        "entity_id": entity_id,
        "operation": operation,
        "client_timestamp": at.isoformat(),
        "idempotency_key": f"demo-{key}",
    }


async def _send(session: aiohttp.ClientSession, api: str, key: Path, batch: Batch) -> None:
    token = mint_local_token(key, user=f"agente-{batch.device}", role=Role.CAMPO, municipios=[batch.municipio])
    headers = {"authorization": f"Bearer {token}", "x-device-id": batch.device}
    async with session.post(f"{api}/api/sync", json={"operations": batch.operations}, headers=headers) as answer:
        told = await answer.json(content_type=None)
        if answer.status != 200:
            raise DevError(f"the server refused the demo territory: {answer.status} {told}")
    if told["errors"]:
        raise DevError(f"the server refused an operation of the demo territory: {told['errors'][0]}")


def _read_record(record: Path) -> DemoRecord | None:
    try:
        return msgspec.json.decode(record.read_bytes(), type=DemoRecord)
    except FileNotFoundError:
        return None


def _write_record(record: Path, content: DemoRecord) -> None:
    write_private(record, msgspec.json.encode(content), replace=True)
