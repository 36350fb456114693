"""Where naive versions of this system went wrong: each a regression, over HTTP, with devices at odds.

What their jobs, metrics, pushes and reports got wrong is tested in those rooms.
"""

import itertools
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from techdengue.dev.database import Database
from techdengue.domain.access import Role

from .wire import Json, Site, operation

CUIABA = "5103403"
NUMBERS = itertools.count(1)


class Field:
    """One atividade of Cuiabá and the devices that work on it; keys name themselves."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.number = next(NUMBERS)
        self.entity = f"naive-{self.number}"
        self._keys = itertools.count(1)

    def device(self, name: str) -> str:
        """The full name of a device."""
        return f"naive-{self.number}-{name}"

    def token(self, name: str) -> str:
        """The token of the device's user."""
        return self.site.token(f"user-{self.device(name)}", Role.CAMPO, (CUIABA,))

    def create(self, **data: Any) -> Json:
        """A create of the atividade."""
        whole = {"tipo": "VISTORIA", "municipio_cod_ibge": CUIABA, **data}
        return operation("create", self.entity, self._key(), whole)

    def update(self, patch: Json, **more: Any) -> Json:
        """An update of the atividade."""
        return operation("update", self.entity, self._key(), patch, **more)

    async def send(self, name: str, *operations: Json) -> Json:
        """Sync a batch of a device."""
        return await self.site.sync(self.token(name), self.device(name), operations, server=next(NUMBERS))

    async def one(self, name: str, sent: Json) -> Json:
        """Sync one operation that must be recorded and settled."""
        answer = await self.send(name, sent)
        assert len(answer["successes"]) == 1, answer
        success: Json = answer["successes"][0]
        return success

    async def document(self) -> Json:
        """The atividade's data."""
        found = await self.site.get(f"/api/entities/atividade/{self.entity}", self.token("a"))
        data: Json = found["data"]
        return data

    async def history(self) -> list[Json]:
        """The atividade's events."""
        path = f"/api/entities/atividade/{self.entity}/history"
        return await self.site.read_all(path, self.site.token("analista", Role.VIGILANCIA, (CUIABA,)))

    def _key(self) -> str:
        return f"k-{next(self._keys)}"


@pytest.fixture
def field(site: Site) -> Field:
    """An atividade that nobody knows of yet."""
    return Field(site)


@pytest.mark.parametrize("knows", [True, False])
async def test_a_devices_second_offline_edit_does_not_conflict_with_its_own_first(field: Field, knows: bool) -> None:
    created = await field.one("a", field.create())
    base = {"base_version": created["version"]} if knows else {}
    edits = [
        field.update({"status": status}, client_timestamp=f"2026-01-15T15:0{minute}:00Z", **base)
        for minute, status in enumerate(("EM_ANDAMENTO", "CONCLUIDA"))
    ]
    first, second = (await field.send("a", *edits))["successes"]
    assert (first["status"], second["status"]) == ("applied", "applied")
    assert (await field.document())["status"] == "CONCLUIDA"


@pytest.mark.parametrize("apart", [True, False])
async def test_nor_when_another_device_synced_before_both(field: Field, apart: bool) -> None:
    created = await field.one("a", field.create())
    pulled = created["version"]
    edits = [field.update({"status": "EM_ANDAMENTO"}, base_version=pulled)]
    edits.append(field.update({"descricao": "feita"}, base_version=pulled))
    answers = [await field.one("b", edit) for edit in edits] if apart else (await field.send("b", *edits))["successes"]
    assert [answer["status"] for answer in answers] == ["applied", "applied"]


@pytest.mark.parametrize("strategy", ["server_wins", "manual", "merge"])
async def test_a_stale_edit_made_later_does_not_overwrite_a_change_that_it_never_saw(
    field: Field, strategy: str
) -> None:
    base = (await field.one("a", field.create(metadata={"larvas": 1, "setor": "A"})))["version"]
    seen = field.update({"metadata": {"larvas": 2}}, base_version=base, client_timestamp="2026-01-15T15:00:00Z")
    await field.one("a", seen)
    stale = field.update(
        {"metadata": {"setor": "B"}} if strategy == "merge" else {"metadata": {"larvas": 9}},
        base_version=base,
        client_timestamp="2026-01-15T16:00:00Z",
        conflict_resolution_strategy=strategy,
    )
    answer = await field.send("b", stale)
    [told] = answer["successes"] + answer["conflicts"]
    assert told["conflict_type"] == "update_update"
    assert (await field.document())["metadata"]["larvas"] == 2


async def test_under_last_write_wins_the_stale_edit_is_told_that_it_met_a_change(field: Field) -> None:
    base = (await field.one("a", field.create()))["version"]
    await field.one("a", field.update({"descricao": "de a"}, base_version=base))
    stale = field.update({"status": "CONCLUIDA"}, base_version=base, client_timestamp="2026-01-15T16:00:00Z")
    told = await field.one("b", stale)
    assert (told["status"], told["conflict_type"]) == ("client_applied", "update_update")
    document = await field.document()
    assert (document["descricao"], document["status"]) == ("de a", "CONCLUIDA")


@pytest.mark.parametrize("strategy", ["client_wins", "server_wins", "last_write_wins", "merge", "manual"])
async def test_an_operation_that_met_a_conflict_is_recorded_once_and_counted_once(field: Field, strategy: str) -> None:
    base = (await field.one("a", field.create(metadata={"n": [1]})))["version"]
    await field.one("a", field.update({"metadata": {"n": [1, 2]}}, base_version=base))
    stale = field.update({"metadata": {"n": [1, 3]}}, base_version=base, conflict_resolution_strategy=strategy)
    told = [await field.send("b", stale) for _ in range(3)]
    bodies = [(answer["successes"] + answer["conflicts"])[0] for answer in told]
    assert [body.pop("already_processed") for body in bodies] == [False, True, True]
    assert bodies[0] == bodies[1] == bodies[2]
    assert len(await field.history()) == 3
    status = await field.site.get(f"/api/sync/status/{field.device('b')}", field.token("b"))
    assert status["operations"] == sum(status["operations_by_outcome"].values()) == 1
    assert status["operations_by_outcome"][bodies[0].get("status", "conflict")] == 1


async def test_an_operation_that_failed_leaves_its_key_free(field: Field) -> None:
    early = field.update({"status": "CONCLUIDA"})
    [refused] = (await field.send("a", early))["errors"]
    assert refused["code"] == "entity_not_found"
    assert refused["message"] == (
        f"your municípios have no atividade/{early['entity_id']}: check entity_id and whose token this is; "
        "if it is new, send its create first"
    )
    await field.one("b", field.create())
    told = await field.one("a", early)
    assert (told["idempotency_key"], told["already_processed"]) == (early["idempotency_key"], False)
    corrected = {**field.update({"status": "FEITA"}), "idempotency_key": "k-corrected"}
    assert [each["code"] for each in (await field.send("a", corrected))["errors"]] == ["invalid_data"]
    corrected["data"] = {"status": "CANCELADA"}
    assert (await field.one("a", corrected))["already_processed"] is False


POISON: list[Callable[[Field], Any]] = [
    lambda field: 7,
    lambda field: {},
    lambda field: field.update({"status": "FEITA"}),
    lambda field: field.update({"status": "CONCLUIDA"}, base_version=10**6),
    lambda field: {**field.update({"status": "CONCLUIDA"}), "entity_id": "nowhere"},
    lambda field: {**field.update({"status": "CONCLUIDA"}), "entity_type": "foco"},
    lambda field: {**field.create(), "data": {"tipo": "VISTORIA", "municipio_cod_ibge": "5108402"}},
]


@pytest.mark.parametrize("poison", POISON)
async def test_one_bad_operation_never_aborts_its_batch(field: Field, poison: Callable[[Field], Any]) -> None:
    answer = await field.send("a", field.create(), poison(field), field.update({"descricao": "depois"}))
    assert [each["status"] for each in answer["successes"]] == ["applied", "applied"]
    assert [each["index"] for each in answer["errors"]] == [1]
    assert (await field.document())["descricao"] == "depois"


async def test_a_merge_takes_arrays_of_objects_and_brings_no_removed_item_back(field: Field) -> None:
    items = [{"id": 1, "tipo": "A1"}, {"id": 2, "tipo": "B"}]
    base = (await field.one("a", field.create(metadata={"depositos": items})))["version"]
    await field.one("a", field.update({"metadata": {"depositos": items[1:]}}, base_version=base))
    mine = [*items, {"id": 3, "tipo": "C"}]
    added = field.update({"metadata": {"depositos": mine}}, base_version=base, conflict_resolution_strategy="merge")
    told = await field.one("b", added)
    assert (told["status"], told["conflict_type"]) == ("merged", "update_update")
    merged = (await field.document())["metadata"]["depositos"]
    assert merged == told["server_data"]["metadata"]["depositos"] == mine[1:]


@pytest.mark.parametrize("patch", [{"descricao": "quintal limpo"}, {"status": "EM_ANDAMENTO", "descricao": "x"}])
async def test_a_merge_never_turns_concluida_into_em_andamento_again(field: Field, patch: Json) -> None:
    base = (await field.one("a", field.create(status="EM_ANDAMENTO")))["version"]
    done = field.update({"status": "CONCLUIDA"}, base_version=base, client_timestamp="2026-01-15T17:00:00Z")
    await field.one("a", done)
    earlier = field.update(
        patch,
        base_version=base,
        client_timestamp="2026-01-15T16:00:00Z",
        conflict_resolution_strategy="merge",
    )
    await field.one("b", earlier)
    document = await field.document()
    assert (document["status"], document["descricao"]) == ("CONCLUIDA", patch["descricao"])


@pytest.mark.parametrize("kind", ["update", "delete"])
async def test_an_operation_on_a_row_that_does_not_exist_is_no_success(field: Field, kind: str) -> None:
    data = {"status": "CONCLUIDA"} if kind == "update" else None
    answer = await field.send("a", operation(kind, field.entity, "ghost", data))
    assert (answer["successes"], [each["code"] for each in answer["errors"]]) == ([], ["entity_not_found"])


async def test_keys_are_remembered_when_the_device_and_the_request_log_are_cleared(
    field: Field, site_database: Database
) -> None:
    created = field.create()
    first = await field.one("a", created)
    device = f"/api/devices/{field.device('a')}"
    assert (await field.site.ask("DELETE", device, field.token("a"))).status == 204
    owner = await asyncpg.connect(site_database.owner_url)
    try:
        await owner.execute("DELETE FROM techdengue.sync_request WHERE device_id = $1", field.device("a"))
    finally:
        await owner.close()
    assert await field.one("a", created) == {**first, "already_processed": True}
    assert len(await field.history()) == 1


async def test_deleting_an_atividade_leaves_its_evidence_readable(field: Field) -> None:
    photo = operation(
        "create",
        f"photo-{field.entity}",
        "photo",
        {"atividade_id": field.entity, "hash_sha256": "a" * 64, "tamanho_bytes": 1},
        entity_type="evidencia",
    )
    answer = await field.send("a", field.create(), photo, operation("delete", field.entity, "gone"))
    assert [each["status"] for each in answer["successes"]] == ["applied"] * 3
    assert await field.document() is None
    analyst = field.site.token("analista", Role.VIGILANCIA, (CUIABA,))
    evidence = await field.site.get(f"/api/entities/evidencia/photo-{field.entity}", analyst)
    assert (evidence["deleted"], evidence["data"]["atividade_id"]) == (False, field.entity)
    assert [event["operation"] for event in await field.history()] == ["create", "delete"]
