"""A log of 20,000 entities, and connections that tell how each statement on them, nested ones too, was carried out."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from techdengue.asgi import BY_VALUES, PROBES
from techdengue.dev.database import Database
from techdengue.intake import Intake
from techdengue.settings import Settings
from tests.conftest import MakeDatabase
from tests.intake.conftest import Speaker, created, sent

OLD = "00000000-0000-4000-8000-000000000001"
"""An entity with a past, and a conflict."""
_TOLD = {
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_level": "notice",
    "jit": "off",
}
_SCAN = re.compile(
    r"(Seq Scan|Index Scan|Index Only Scan|Bitmap Heap Scan|Bitmap Index Scan)\b[^\n]*? (?:on|using) (\S+)"
)


class Plans:
    """The plans of what was carried out."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def hear(self, _connection: Any, message: Any) -> None:
        """A message of the server."""
        if "plan:" in message.message:
            self.told.append(message.message)

    def scans(self) -> set[tuple[str, str]]:
        """How tables were read: the kind of scan, and the index, or the table where there is none."""
        return {(kind, name) for told in self.told for kind, name in _SCAN.findall(told)}

    def read_whole(self) -> set[str]:
        """The tables that grow and were read from one end to the other."""
        small = {"lane", "checkpoint", "log", "definition", "device"}  # the last one here, with 200 rows
        return {name for kind, name in self.scans() if kind == "Seq Scan"} - small

    def indexes(self) -> set[str]:
        """The indexes that were used."""
        return {name for kind, name in self.scans() if kind in ("Index Scan", "Index Only Scan", "Bitmap Index Scan")}


MakePool = Callable[[str], AbstractAsyncContextManager[tuple[asyncpg.Pool, Plans]]]


@pytest.fixture(scope="module")
async def populated(make_database: MakeDatabase) -> Database:
    """A database with a past."""
    database = await make_database()
    async with asyncpg.create_pool(
        database.server_url, min_size=0, max_size=4, server_settings={"role": "techdengue_intake", **PROBES}
    ) as pool:
        intake = Intake(pool, Settings(database_url="unused"))
        await intake.start()
        device = Speaker(intake)
        await device.send(created(OLD, "first"))
        await device.send(sent("update", OLD, "second", {"status": "CONCLUIDA"}, base_version=1), device="device-b")
        stale = sent(
            "update", OLD, "third", {"status": "CANCELADA"}, base_version=1, conflict_resolution_strategy="manual"
        )
        await device.send(stale)
        await intake.stop()
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute((Path(__file__).parent / "populate.sql").read_text("utf-8"))
    await owner.close()
    return database


@pytest.fixture
def listening(populated: Database) -> MakePool:
    """Makes a pool in a role of the server, with that role's settings, and what its statements' plans were."""

    @asynccontextmanager
    async def make(role: str) -> AsyncIterator[tuple[asyncpg.Pool, Plans]]:
        plans = Plans()
        planning = {"techdengue_intake": PROBES, "techdengue_reader": BY_VALUES}[role]

        async def hear(connection: Any) -> None:
            connection.add_log_listener(plans.hear)

        async with asyncpg.create_pool(
            populated.owner_url,  # only a superuser may be told; the role is what counts for rights and rows
            min_size=0,
            max_size=4,
            setup=hear,
            server_settings={**_TOLD, **planning, "role": role},
        ) as pool:
            yield pool, plans

    return make
