"""An intake on a database of its own, and the words to speak with it."""

import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import msgspec
import pytest

from eventstore import write_times_quickly
from techdengue.domain.access import Caller, Role
from techdengue.domain.operation import SentOperation
from techdengue.intake import Batch, Intake, SyncAnswer
from techdengue.settings import Settings

CUIABA = "5103403"
VARZEA_GRANDE = "5108402"
FIELD = Caller(user="ana", role=Role.CAMPO, municipios=frozenset({CUIABA}))
MANAGER = Caller(user="gestora", role=Role.GESTOR, municipios=frozenset({CUIABA}))


def sent(kind: str, entity_id: int | str, key: str, data: dict[str, Any] | None = None, **more: Any) -> SentOperation:
    """An operation on an atividade unless `more` says otherwise."""
    fields: dict[str, Any] = {
        "entity_type": "atividade",
        "entity_id": entity_id,
        "operation": kind,
        "idempotency_key": key,
        "client_timestamp": "2026-01-15T14:30:00Z",
        **({} if data is None else {"data": data}),
        **more,
    }
    return msgspec.convert(fields, SentOperation)


def created(entity_id: int | str, key: str, municipio: str = CUIABA, **data: Any) -> SentOperation:
    """A create with the least that an atividade needs."""
    return sent("create", entity_id, key, {"tipo": "VISTORIA", "municipio_cod_ibge": municipio, **data})


class Speaker:
    """Sends batches to an intake as a device would."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake

    async def send(
        self,
        *operations: Any,
        device: str = "device-a",
        caller: Caller = FIELD,
        sent_at: int | None = None,
        batch_id: str | None = None,
    ) -> SyncAnswer:
        """Submit one batch."""
        return await self.intake.submit(
            Batch(
                caller=caller,
                device_id=device,
                operations=operations,
                arrived=time.monotonic(),
                size=1000,
                sent_at=sent_at,
                batch_id=batch_id,
            )
        )


@pytest.fixture
async def own_database(make_database: Any) -> Any:
    """A database of this test alone."""
    return await make_database()


@pytest.fixture
async def pool(own_database: Any) -> AsyncIterator[asyncpg.Pool]:
    """Connections as the server's intake has them."""
    async with asyncpg.create_pool(
        own_database.server_url,
        min_size=0,
        max_size=4,
        init=write_times_quickly,
        server_settings={"role": "techdengue_intake"},
    ) as pool:
        yield pool


@pytest.fixture
async def intake(pool: asyncpg.Pool) -> AsyncIterator[Intake]:
    """A running intake."""
    running = Intake(pool, Settings(database_url="unused"))
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def device(intake: Intake) -> Speaker:
    """Somebody who syncs."""
    return Speaker(intake)
