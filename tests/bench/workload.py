"""The mix of every ingest measure: batches of 10, 60 % creates, 30 % updates on the right base, 5 % stale, 5 % repeats.

One connection speaks for two devices of one user in turn, so that every second batch meets the other one's changes:
batch k updates what batch k-1 created, and its stale operation what batch k-1 updated. The first `OPENING` batches only
create.
"""

import datetime as dt
import uuid
from typing import Any

import msgspec

MUNICIPIO = "5103403"
SIZE = 10
OPENING = 2
MIX = {"applied": 0.90, "client_applied": 0.05, "already_processed": 0.05}
"""How the server answers the operations after the opening: creates and right updates, stale updates, repeats."""

_DESCRICAO = "Vistoria em imóvel residencial; depósitos inspecionados e tratados conforme o protocolo do setor. " * 2
_CREATED = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(days=30)
_UPDATED = _CREATED + dt.timedelta(hours=1)


def device_of(connection: str, batch: int) -> str:
    """The device that sends this batch of a connection."""
    return f"bench-{connection}-{batch % 2}"


def operations(connection: str, batch: int) -> list[dict[str, Any]]:
    """The ten operations of a batch, the same for the same names."""
    if batch < OPENING:
        return [_create(connection, batch, slot) for slot in range(SIZE)]
    found = [_create(connection, batch, slot) for slot in range(6)]
    found += [_update(connection, batch, slot, target=(batch - 1, slot), base=1) for slot in range(3)]
    if batch % 2:
        found.append(_update(connection, batch, 9, target=(batch - 2, 0), base=1))
    else:
        found.append(_create(connection, batch - 2, 0))
    return found


def body(connection: str, batch: int) -> bytes:
    """The request body of a batch."""
    return msgspec.json.encode({"operations": operations(connection, batch)})


def entity_id(connection: str, batch: int, slot: int) -> str:
    """The entity that a batch creates in a slot."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{connection}/{batch}/{slot}"))


def _create(connection: str, batch: int, slot: int) -> dict[str, Any]:
    return {
        "entity_type": "atividade",
        "entity_id": entity_id(connection, batch, slot),
        "operation": "create",
        "data": {
            "tipo": "VISTORIA",
            "status": "CRIADA",
            "origem": "MANUAL",
            "municipio_cod_ibge": MUNICIPIO,
            "localizacao": {"type": "Point", "coordinates": [-56.0974 - slot / 1000, -15.601 - batch % 100 / 1000]},
            "descricao": _DESCRICAO,
            "metadata": {"setor": slot, "quadra": batch, "imovel": "casa", "depositos": [1, 2, 3], "larvas": False},
            "usuario_responsavel": "agente",
        },
        "client_timestamp": _shown(_CREATED),
        "idempotency_key": f"c-{connection}-{batch}-{slot}",
    }


def _update(connection: str, batch: int, slot: int, *, target: tuple[int, int], base: int) -> dict[str, Any]:
    return {
        "entity_type": "atividade",
        "entity_id": entity_id(connection, *target),
        "operation": "update",
        "data": {"status": "CONCLUIDA", "metadata": {"larvas": True, "visita": batch}},
        "client_timestamp": _shown(_UPDATED),
        "idempotency_key": f"u-{connection}-{batch}-{slot}",
        "base_version": base,
    }


def _shown(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
