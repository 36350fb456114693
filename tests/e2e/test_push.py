"""From a conflict on the wire to a message on the manager's phone: servers, a worker and the stand-in for FCM."""

import uuid
from pathlib import Path

from techdengue.dev.database import Database
from techdengue.domain.access import Role
from tests.jobs.working import until
from tests.push.fcm import StandIn

from .processes import Program
from .wire import Site, operation

SINOP = "5107909"


async def test_a_parked_operation_reaches_its_author_and_the_manager_over_the_whole_way(
    site: Site, site_database: Database, redis_url: str, tmp_path: Path
) -> None:
    name = uuid.uuid4().hex[:8]
    field, manager, admin = (
        site.token(f"{role.value}-{name}", role, (SINOP,) if role is not Role.ADMIN else ("*",))
        for role in (Role.CAMPO, Role.GESTOR, Role.ADMIN)
    )
    author, phone = f"author-{name}", f"phone-{name}"
    for device, token, push in (
        (author, field, {"push": {"kind": "token", "value": author}}),
        (phone, manager, {"push": {"kind": "fid", "value": phone}}),
        (phone, admin, {"model": "Moto G54"}),  # who helps out does not become the phone's user
    ):
        registered = await site.ask("PUT", f"/api/devices/{device}", token, body=push)
        assert (registered.status, registered.body["has_push_token"]) == (200, True)

    created = operation("create", f"push-{name}", "1", {"tipo": "VISTORIA", "municipio_cod_ibge": SINOP})
    await site.sync(field, author, [created])
    seen = {"base_version": 1, "conflict_resolution_strategy": "manual"}
    await site.sync(manager, phone, [operation("update", f"push-{name}", "2", {"descricao": "a"}, **seen)])
    parked = await site.sync(field, author, [operation("update", f"push-{name}", "3", {"descricao": "b"}, **seen)])
    [conflict] = parked["conflicts"]

    async with StandIn().running() as fcm:
        env = {
            "TECHDENGUE_DATABASE_URL": site_database.server_url,
            "TECHDENGUE_REDIS_URL": redis_url,
            "TECHDENGUE_PUSH_SERVICE_ACCOUNT_FILE": str(fcm.write_service_account(tmp_path / "account.json")),
            "TECHDENGUE_PUSH_ENDPOINT": fcm.url,
        }
        worker = Program(("worker", "notifications", "--port", "0"), env, tmp_path / "worker.log")
        await worker.start()

        async def both_are_told() -> bool:
            return bool(fcm.sent_to(author) and fcm.sent_to(phone))

        await until(both_are_told)
        assert await worker.stop() == 0
    tag = f"conflito/{conflict['conflict_id']}"
    assert (fcm.sent_to(author), fcm.sent_to(phone)) == ([tag], [tag])
    [told] = [taken.message["data"]["link"] for taken in fcm.taken if taken.target == phone]
    assert told == f"techdengue://conflitos/{conflict['conflict_id']}"
