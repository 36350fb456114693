"""What the intake writes in its own transaction is what a replay of the log says, byte for byte."""

import random
import time
from typing import Any

import asyncpg
import msgspec

from projections import VERIFIABLE, catch_up, verify
from techdengue.dev.database import Database
from techdengue.domain.access import Caller, Role
from techdengue.domain.operation import Choice, SentOperation
from techdengue.intake import Batch, Intake, Resolution
from techdengue.settings import Settings

from .history import CUIABA

CALLER = Caller(user="gestora", role=Role.ADMIN, municipios=frozenset({"*"}))


def _operation(dice: random.Random, number: int, versions: dict[int, int]) -> SentOperation:
    entity_id = dice.randrange(6)
    known = versions.get(entity_id)
    data: dict[str, Any] = {
        "descricao": dice.choice(["a", "b", "ç"]),
        "metadata": dice.choice([{"x": 1.5}, {"x": [1, "2", {"y": None}]}, {"x": {}}, {"z": -0.0}]),
    }
    kind = "create" if known is None else dice.choice(["update"] * 5 + ["delete", "create"])
    fields: dict[str, Any] = {
        "entity_type": "atividade",
        "entity_id": dice.choice([entity_id, str(entity_id)]),
        "operation": kind,
        "idempotency_key": f"key-{number}",
        "client_timestamp": f"2026-01-15T14:{dice.randrange(60):02}:00Z",
        "municipio_cod_ibge": CUIABA,
        "conflict_resolution_strategy": dice.choice(
            ["client_wins", "server_wins", "last_write_wins", "merge", "manual"]
        ),
    }
    if kind == "create":
        data |= {"tipo": "LIRAA", "municipio_cod_ibge": CUIABA}
    if kind != "delete":
        fields["data"] = data
    if known is not None and dice.random() < 0.6:
        fields["base_version"] = dice.randrange(known + 1)
    return msgspec.convert(fields, SentOperation)


async def test_heads_and_conflicts_of_the_intake_verify(
    fresh: Database, projector: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    dice = random.Random(1)  # noqa: S311 - a test's history, no secret
    versions: dict[int, int] = {}
    async with asyncpg.create_pool(
        fresh.server_url, min_size=0, max_size=4, server_settings={"role": "techdengue_intake"}
    ) as pool:
        intake = Intake(pool, Settings(database_url="unused"))
        await intake.start()
        for number in range(60):
            operations = tuple(_operation(dice, number * 10 + at, versions) for at in range(4))
            answer = await intake.submit(
                Batch(
                    caller=CALLER,
                    device_id=f"device-{dice.randrange(3)}",
                    operations=operations,
                    arrived=time.monotonic(),
                    size=1000,
                )
            )
            for success in answer.successes:
                versions[int(success.entity_id)] = success.version
            for conflict in answer.conflicts[:1]:
                choice = dice.choice(list(Choice))
                await intake.resolve_conflict(
                    CALLER,
                    conflict.conflict_id,
                    Resolution(
                        choice=choice,
                        idempotency_key=f"settled-{number}",
                        data={"descricao": "settled"} if choice is Choice.CUSTOM else msgspec.UNSET,
                        note="visto",
                    ),
                )
        await intake.stop()
    await catch_up(projector)
    assert await owner.fetchval("SELECT count(*) FROM projections.conflict WHERE status = 'resolved'") > 5
    assert await owner.fetchval("SELECT count(*) FROM projections.conflict WHERE status = 'open'") > 0
    for name in VERIFIABLE:
        verification = await verify(projector, name)
        assert verification.clean, verification.differences
