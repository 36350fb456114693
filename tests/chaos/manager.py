"""A manager who settles open conflicts under chaos, each decision with one key until it is answered."""

import asyncio
import random
from typing import Any

import aiohttp
import msgspec

from tests.e2e.load import RETRIED
from tests.e2e.playing import fields_of
from tests.e2e.seeding import write_patch
from tests.e2e.wire import Json

from .ledger import Ledger
from .ways import BROKEN

CHOICES = ("client", "server", "merge", "custom")
_BACKOFF_SECONDS = 0.02
_APART = 15
"""Acknowledged operations between two decisions."""


class Manager:
    """`settled` are the answers, by the key of the decision."""

    def __init__(
        self, http: aiohttp.ClientSession, url: str, token: str, municipio: str, name: str, rng: random.Random
    ) -> None:
        self.settled: dict[str, Json] = {}
        self._http = http
        self._url = url
        self._headers = {"authorization": f"Bearer {token}"}
        self._municipio = municipio
        self._name = name
        self._rng = rng

    async def work(self, ledger: Ledger) -> None:
        """Settle one conflict after the other until cancelled."""
        number = 0
        while True:
            await ledger.until_acknowledged(ledger.acknowledged + _APART)
            page = await self._ask("GET", f"/api/conflicts?status=open&municipio={self._municipio}&limit=20", None)
            if page["items"]:
                await self._settle(self._rng.choice(page["items"]), number)
                number += 1

    async def _settle(self, conflict: Json, number: int) -> None:
        choice = self._rng.choice(CHOICES)
        body: Json = {"choice": choice, "idempotency_key": f"decision-{number}-{self._name}"}
        if choice == "custom":
            body["data"] = fields_of(conflict["entity_type"], write_patch(self._rng))
        answer = await self._ask("POST", f"/api/conflicts/{conflict['conflict_id']}/resolution", body)
        self.settled[body["idempotency_key"]] = answer

    async def _ask(self, method: str, path: str, body: Json | None) -> Json:
        while True:
            try:
                async with self._http.request(method, self._url + path, json=body, headers=self._headers) as answer:
                    status, raw = answer.status, await answer.read()
            except BROKEN:
                status = 0
            if status == 200:
                told: Any = msgspec.json.decode(raw)
                return dict(told)
            assert status in {0, *RETRIED}, raw
            await asyncio.sleep(_BACKOFF_SECONDS)  # a person presses the button again
