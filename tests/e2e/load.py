"""Several devices that push without rest and send again whatever was not acknowledged, through every failure."""

import asyncio
import random
from collections.abc import Sequence

import aiohttp

from techdengue.domain.access import Role

from .processes import Server
from .wire import Json, Site, operation

MUNICIPIO = "5103403"
RETRIED = {429, 503}
STRATEGIES = ("client_wins", "server_wins", "last_write_wins", "merge", "manual")


class Load:
    """Devices with a list of operations each, on entities that they share. Failures are counted by what they were."""

    def __init__(self, http: aiohttp.ClientSession, server: Server, site: Site, name: str, devices: int) -> None:
        self.name = name
        self.acknowledged: dict[tuple[str, str], Json] = {}
        self.failures: dict[str, int] = {}
        self.operations = {f"{name}-{number}": _work(name, number) for number in range(devices)}
        self._http = http
        self._server = server
        self._site = site
        self._progress = asyncio.Condition()

    @property
    def size(self) -> int:
        """How many operations there are to acknowledge."""
        return sum(map(len, self.operations.values()))

    async def run(self) -> None:
        """Send everything until all of it is acknowledged."""
        async with asyncio.timeout(300), asyncio.TaskGroup() as group:
            for device, operations in self.operations.items():
                group.create_task(self._work_off(device, operations))

    async def until_acknowledged(self, share: float) -> None:
        """Wait until that share of the operations is."""
        async with self._progress:
            await self._progress.wait_for(lambda: len(self.acknowledged) >= share * self.size)

    async def _work_off(self, device: str, operations: Sequence[Json]) -> None:
        rng = random.Random(device)  # noqa: S311 - cuts of batches, not a secret
        waiting = list(operations)
        while waiting:
            batch = waiting[: rng.randint(1, 6)]
            answer = await self._send(device, batch)
            if answer is None:
                await asyncio.sleep(0.02)  # a device's back-off, shortened
                continue
            assert not answer["errors"], answer["errors"]
            for each in (*answer["successes"], *answer["conflicts"]):
                await self._note(device, each)
            del waiting[: len(batch)]

    async def _send(self, device: str, batch: Sequence[Json]) -> Json | None:
        """The answer; None where there is none and the same must be sent again."""
        token = self._site.token(f"user-of-{device}", Role.CAMPO, (MUNICIPIO,))
        headers = {"authorization": f"Bearer {token}", "x-device-id": device}
        body = {"operations": list(batch)}
        try:
            async with self._http.post(f"{self._server.url}/api/sync", json=body, headers=headers) as answer:
                if answer.status == 200:
                    told: Json = await answer.json()
                    return told
                assert answer.status in RETRIED, await answer.text()
                assert int(answer.headers["retry-after"]) > 0
                self._failed(str(answer.status))
        except (aiohttp.ClientError, ConnectionError) as error:
            self._failed(type(error).__name__)
        return None

    def _failed(self, how: str) -> None:
        self.failures[how] = self.failures.get(how, 0) + 1

    async def _note(self, device: str, answer: Json) -> None:
        key = device, answer["idempotency_key"]
        assert key not in self.acknowledged
        async with self._progress:
            self.acknowledged[key] = answer
            self._progress.notify_all()


def _work(name: str, number: int) -> list[Json]:
    """A device creates an entity of its own, then it edits that and what all share."""
    own, shared = f"{name}-own-{number}", f"{name}-shared"
    made = []
    for entity in (own, shared):
        data = {"tipo": "LIRAA", "municipio_cod_ibge": MUNICIPIO}
        made.append(operation("create", entity, f"{name}-{entity}", data))
    for turn in range(80):
        patch = {"metadata": {"turn": turn, f"by-{number}": turn, "items": [turn % 7, number]}}
        made.append(
            operation(
                "update",
                shared if turn % 4 == 0 else own,
                f"{name}-{turn}",
                patch,
                conflict_resolution_strategy=STRATEGIES[turn // 4 % 5],
            )
        )
    return made
