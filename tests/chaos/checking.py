"""The history checker: what an episode's devices were told, against the log, the documents and an independent replay.

It asks the servers over HTTP, past every road, and the database over SQL. It repairs nothing and ignores nothing.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from techdengue.domain.access import Role
from tests.e2e.playing import Place, Told, matched
from tests.e2e.replaying import Replay, assert_answer, assert_conflicts, assert_document, assert_states, assert_times
from tests.e2e.replaying import replay as replay_stream
from tests.e2e.wire import Json
from tests.resolver import slow_model as model

from .episode import Episode
from .ledger import Entry, Key
from .site import SQL, Broken
from .walker import Copy, Walker


class Findings(msgspec.Struct, kw_only=True):
    """What is wrong, in sentences: an acknowledged operation that is not in the log, one that is there twice or was
    recorded anew by a repeat, one out of order, and whatever else."""

    lost: list[str] = []
    doubled: list[str] = []
    reordered: list[str] = []
    wrong: list[str] = []
    replayed: int = 0
    """Events that the independent model decided once more."""
    repeated: int = 0
    """Operations that were sent once more after everything."""
    silent: int = 0
    """Operations that were sent and never acknowledged: they may be in the log, once, or not."""
    silent_recorded: int = 0

    @property
    def clean(self) -> bool:
        """Nothing is wrong."""
        return not (self.lost or self.doubled or self.reordered or self.wrong)


class Checker:
    """Checks one episode; at the end `at_once` operations are repeated in one request."""

    def __init__(self, broken: Broken, episode: Episode, *, at_once: int = 40) -> None:
        self.findings = Findings()
        self._at_once = at_once
        self._site = broken.site
        self._episode = episode
        self._auditor = self._site.token("auditora", Role.ADMIN)

    async def check(self) -> Findings:
        """Look at everything."""
        log = await self._read_log()
        self._compare_acknowledged(log)
        self._compare_order(log)
        await self._repeat_everything()
        await self._replay(log)
        await self._compare_copies()
        return self.findings

    async def _read_log(self) -> list[Json]:
        """The episode's events in the order of the log."""
        municipio, name = self._episode.plan.municipio, self._episode.plan.name
        events = await self._site.read_all("/api/events", self._auditor, municipio=municipio, limit=1000)
        return [event for event in events if str(event["entity_id"]).endswith(name)]

    def _compare_acknowledged(self, log: Sequence[Json]) -> None:
        entries = self._episode.ledger.entries
        recorded: dict[Key, list[Json]] = {}
        for event in log:
            recorded.setdefault((event["device_id"], event["idempotency_key"]), []).append(event)
        for key, events in recorded.items():
            if len(events) > 1:
                self.findings.doubled.append(f"{key} is in the log {len(events)} times")
            if key not in entries and not key[0].startswith("console:"):
                self.findings.wrong.append(f"{key} is in the log, and nobody sent it")
        for key, entry in entries.items():
            if entry.heard and key not in recorded:
                self.findings.lost.append(f"{key} was acknowledged and is not in the log")
            if entry.sent_at and not entry.heard:
                self.findings.silent += 1
                self.findings.silent_recorded += key in recorded
        decisions = {key for device, key in recorded if device.startswith("console:")}
        for decision in self._episode.manager.settled:
            if decision not in decisions:
                self.findings.lost.append(f"decision {decision} was acknowledged and is not in the log")

    def _compare_order(self, log: Sequence[Json]) -> None:
        """What one device did is in the log in the order in which it did it."""
        entries, last = self._episode.ledger.entries, dict[str, int]()
        for event in log:
            entry = entries.get((event["device_id"], event["idempotency_key"]))
            if entry is None:
                continue
            if entry.number <= last.get(entry.device, -1):
                self.findings.reordered.append(f"{entry.key} comes after operation {last[entry.device]} of its device")
            last[entry.device] = entry.number
        for walker in self._episode.walkers:
            self.findings.reordered += [f"{walker.name} pulled {what}" for what in walker.went_back]

    async def _repeat_everything(self) -> None:
        """Each acknowledged operation once more, in other batches: all answers it ever had are one."""
        for walker in self._episode.walkers:
            mine = [e for e in self._episode.ledger.entries.values() if e.device == walker.name and e.heard]
            for batch in _pieces(mine, self._at_once):
                with self._noting(f"repeat of {batch[0].key} and what follows"):
                    await self._repeat(walker, batch)
        for entry in self._episode.ledger.entries.values():
            self._compare_answers(entry)

    async def _repeat(self, walker: Walker, batch: Sequence[Entry]) -> None:
        operations = [entry.operation for entry in batch]
        token = self._site.token(f"user-{walker.name}", Role.CAMPO, (self._episode.plan.municipio,))
        answer = await self._site.sync(token, walker.name, operations)
        for entry, told in zip(batch, matched(walker.name, operations, None, answer), strict=True):
            self.findings.repeated += 1
            entry.unheard.append(told)
            if told.kind == "errors" or not told.body["already_processed"]:
                self.findings.lost.append(f"{entry.key} was acknowledged, and its repeat was answered {told.body}")

    def _compare_answers(self, entry: Entry) -> None:
        answers = [*entry.heard, *entry.unheard]
        refused = [told.body for told in answers if told.kind == "errors"]
        if refused:
            self.findings.wrong.append(f"{entry.key} was refused: {refused[0]}")
            return
        firsts = sum(not told.body["already_processed"] for told in answers)
        if firsts > 1:
            self.findings.doubled.append(f"{entry.key} was recorded {firsts} times, its answers say")
        said = {msgspec.json.encode({**told.body, "already_processed": None}, order="sorted") for told in answers}
        if len(said) > 1:
            self.findings.wrong.append(f"{entry.key} was answered in {len(said)} ways: {sorted(said)}")

    async def _replay(self, log: Sequence[Json]) -> None:
        """Decide every event once more with the independent model; conflicts, versions, documents, times agree."""
        replays: dict[Place, Replay] = {}
        for place in sorted({_place_of(event) for event in log}):
            with self._noting(f"replay of {place}"):
                replays[place] = await replay_stream(self._site, self._auditor, place)
                self.findings.replayed += len(replays[place].events)
        for place, replayed in replays.items():
            with self._noting(f"conflicts of {place}"):
                await assert_conflicts(self._site, self._auditor, place, replayed)
        with self._noting(f"states of {self._episode.shared[0]}"):
            place = self._episode.shared[0]
            await assert_states(self._site, self._auditor, place, replays[place])
        self._compare_told(replays)
        await self._compare_documents(replays)

    def _compare_told(self, replays: Mapping[Place, Replay]) -> None:
        logged = {(e["device_id"], e["idempotency_key"]): (r, e) for r in replays.values() for e in r.events}
        entries = self._episode.ledger.entries.values()
        told: list[Told] = []
        for entry in entries:
            if entry.key in logged and entry.heard and entry.heard[0].kind != "errors":
                told.append(entry.heard[0])
                with self._noting(f"answer of {entry.key}"):
                    assert_answer(entry.heard[0], *logged[entry.key])
        with self._noting("effective times"):
            assert_times(replays, told, {entry.key: entry.sent_at for entry in entries})

    async def _compare_documents(self, replays: Mapping[Place, Replay]) -> None:
        documents = await self._documents()
        if documents.keys() != replays.keys():
            self.findings.wrong.append(f"a full download lacks or adds {documents.keys() ^ replays.keys()}")
        for place in documents.keys() & replays.keys():
            with self._noting(f"document of {place}"):
                assert_document(documents[place], replays[place].last)

    async def _compare_copies(self) -> None:
        """What each device pulled by its cursor, all the while, is what a full download shows now."""
        expected = {
            place: Copy(item["version"], item["deleted"], model.canonical(item["data"]))
            for place, item in (await self._documents()).items()
        }
        name = self._episode.plan.name
        for walker in self._episode.walkers:
            held = {place: kept for place, kept in walker.copies.items() if place[2].endswith(name)}
            for place in sorted(expected.keys() | held.keys()):
                copy = expected.get(place)
                if held.get(place) is None and copy is not None and walker.may_lack(place, copy.version):
                    continue
                if held.get(place) != copy:
                    self.findings.wrong.append(f"{walker.name} holds {place} as {held.get(place)}, the server {copy}")

    async def _documents(self) -> dict[Place, Json]:
        municipio, name = self._episode.plan.municipio, self._episode.plan.name
        token = self._site.token(f"gestora-{name}", Role.GESTOR, (municipio,))
        items = await self._site.read_all("/api/sync/changes", token, limit=500)
        return {_place_of(item): item for item in items if str(item["entity_id"]).endswith(name)}

    def _noting(self, what: str) -> "_Noting":
        return _Noting(lambda why: self.findings.wrong.append(f"{what}: {why}"))


class _Noting:
    """Notes a failed assertion, or something that the log should hold and does not, and goes on."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, AssertionError | LookupError):
            return False
        self._note(repr(error))
        return True


async def count_broken(broken: Broken) -> list[str]:
    """What must hold of all the log, heads, conflicts and requests; sentences about what does not."""
    owner = await broken.owner()
    try:
        row = dict(await owner.fetchrow(SQL["count_broken"]))
    finally:
        await owner.close()
    return [f"{count} {name.replace('_', ' ')}" for name, count in row.items() if count]


async def verify_projections(broken: Broken) -> list[str]:
    """Whether projections and heads, once they have come to the end of the log, are what the log makes of them."""
    owner = await broken.owner()
    try:
        async with asyncio.timeout(120):
            while await owner.fetchval(SQL["count_lag"]):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
    finally:
        await owner.close()
    verified = await broken.command("projections", "verify")
    return [f"{one['differing']} rows of {one['name']} differ" for one in verified if one["differing"]]


def _place_of(shown: Json) -> Place:
    return shown["municipio_cod_ibge"], shown["entity_type"], str(shown["entity_id"])


def _pieces(entries: Sequence[Entry], size: int) -> Iterator[Sequence[Entry]]:
    for start in range(0, len(entries), size):
        yield entries[start : start + size]
