"""An independent implementation of resolution.md replays what two servers recorded of random devices' histories."""

import asyncio
import itertools
import json
import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from techdengue.domain.access import Role
from techdengue.domain.municipios import MUNICIPIOS
from techdengue.testing import History, device_histories

from .playing import ENTITIES, Game, Place
from .replaying import Replay, assert_answers, assert_conflicts, assert_document, assert_states, assert_times, replay
from .seeding import write_history
from .wire import Json, Site, operation

NUMBERS = itertools.count(1)
PAIRS = list(zip(*[iter(MUNICIPIOS)] * 2, strict=True))
EXAMPLES = max(24, settings().max_examples // 10)
SEEDS = range(EXAMPLES // 3)
CUTS = st.lists(st.integers(1, 9), min_size=1, max_size=4)


@pytest.mark.parametrize("seed", SEEDS)
async def test_an_independent_replay_of_a_long_history_finds_the_same(site: Site, seed: int) -> None:
    await _play_and_replay(site, write_history(seed, steps=200), cuts=[seed % 7 + 1, 3, 9])


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(history=device_histories(entities=ENTITIES, max_scenes=20), cuts=CUTS)
async def test_an_independent_replay_of_any_history_finds_the_same(
    site: Site, history: History, cuts: list[int]
) -> None:
    await _play_and_replay(site, history, cuts)


async def _play_and_replay(site: Site, history: History, cuts: list[int]) -> None:
    number = next(NUMBERS)
    game = Game(site, f"replay-{number}", PAIRS[number % len(PAIRS)], history)
    await game.play()
    replays = await _replays(game)
    assert_answers(replays, game.told)
    assert_times(replays, game.told)
    for place, replayed in replays.items():
        await assert_states(site, game.manager, place, replayed)
        await assert_conflicts(site, game.manager, place, replayed)
    await _assert_changes(game, replays)
    await _assert_counts(game, replays)
    await _assert_repeats_change_nothing(game, replays, cuts)


async def _replays(game: Game) -> dict[Place, Replay]:
    """Every stream of the game that the changes name."""
    token = game.site.token("auditora", Role.ADMIN)
    places = {game.place_of(device, entity) for device in game.walkers for entity in ENTITIES}
    found = {}
    for place in sorted(places):
        path, municipio = f"/api/entities/{place[1]}/{place[2]}", {"municipio_cod_ibge": place[0]}
        if (await game.site.ask("GET", path, token, params=municipio)).status == 200:
            found[place] = await replay(game.site, token, place)
    return found


async def _assert_changes(game: Game, replays: dict[Place, Replay]) -> None:
    """A full download holds every entity of the territory once, in its newest state."""
    items = await game.site.read_all("/api/sync/changes", game.manager, limit=2)
    ours = [item for item in items if str(item["entity_id"]).endswith(f"-{game.name}")]
    places = [(item["municipio_cod_ibge"], item["entity_type"], str(item["entity_id"])) for item in ours]
    assert sorted(places) == sorted(replays)
    for place, item in zip(places, ours, strict=True):
        assert_document(item, replays[place].last)


async def _assert_counts(game: Game, replays: dict[Place, Replay]) -> None:
    """A device's status adds up to its events in the log, its open conflicts and its refusals."""
    for walker in game.walkers.values():
        counted = Counter(e["outcome"] for r in replays.values() for e in r.events if e["device_id"] == walker.name)
        told = [answer for answer in game.told if answer.device == walker.name]
        if not told:
            continue
        status = await game.site.get(f"/api/sync/status/{walker.name}", walker.token, server=1)
        assert Counter({name: n for name, n in status["operations_by_outcome"].items() if n}) == counted
        assert status["operations"] == counted.total()
        waiting = [r.events[number - 1]["device_id"] for r in replays.values() for number in r.last.open]
        assert status["open_conflicts"] == waiting.count(walker.name)
        assert status["errors_last_day"] == sum(answer.kind == "errors" for answer in told)


async def _assert_repeats_change_nothing(game: Game, replays: dict[Place, Replay], cuts: list[int]) -> None:
    """Law 2: everything again, cut otherwise, is answered as at first, and the streams are as long as they were."""
    firsts = {t.key: t.body for t in game.told if t.kind != "errors" and not t.body["already_processed"]}
    for again in await game.repeat(cuts):
        assert again.body["already_processed"], again
        assert {**again.body, "already_processed": False} == firsts[again.key]
    repeated = {t.key: t.body for t in game.told if t.kind != "errors" and t.body["already_processed"]}
    for key, body in repeated.items():
        assert {**body, "already_processed": False} == firsts[key]
    token = game.site.token("auditora", Role.ADMIN)
    for (municipio, kind, entity_id), replayed in replays.items():
        path = f"/api/entities/{kind}/{entity_id}/history"
        assert await game.site.read_all(path, token, municipio_cod_ibge=municipio) == replayed.events


async def test_under_contention_positions_and_sequences_have_no_gap_and_nothing_is_doubled(site: Site) -> None:
    rng = random.Random(20240115)  # noqa: S311 - a repeatable load, not a secret
    municipio, entities = "5103403", [f"contended-{number}" for number in range(4)]
    operations = {f"contender-{number}": _contended(rng, number, municipio, entities) for number in range(8)}
    await asyncio.gather(*(_hammer(site, rng, device, mine) for device, mine in operations.items()))
    log = await site.read_all("/api/events", site.token("auditora", Role.ADMIN), limit=1000)
    assert [event["position"] for event in log] == list(range(1, len(log) + 1))
    assert len({(event["device_id"], event["idempotency_key"]) for event in log}) == len(log)
    streams: dict[Place, list[int]] = {}
    for event in log:
        place = (event["municipio_cod_ibge"], event["entity_type"], str(event["entity_id"]))
        streams.setdefault(place, []).append(event["sequence"])
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in streams.values())
    for entity in entities:
        place = (municipio, "atividade", entity)
        replayed = await replay(site, site.token("auditora", Role.ADMIN), place)
        assert len(replayed.events) == len(streams[place])
        await assert_states(site, site.token("auditora", Role.ADMIN), place, replayed)


def _contended(rng: random.Random, number: int, municipio: str, entities: list[str]) -> list[Json]:
    strategies = ("client_wins", "server_wins", "last_write_wins", "merge", "manual")
    made = []
    for turn in range(24):
        kind = rng.choice(("create", "update", "update", "update", "delete")) if turn else "create"
        data: Json | None = {"metadata": {"deposits": [turn % 5, number], f"by-{number}": turn}}
        if kind == "create":
            data = {"tipo": "LIRAA", "municipio_cod_ibge": municipio, **(data or {})}
        strategy = rng.choice(strategies)
        entity = rng.choice(entities)
        made.append(
            operation(
                kind,
                entity,
                f"c-{number}-{turn}",
                None if kind == "delete" else data,
                conflict_resolution_strategy=strategy,
            )
        )
    return made


async def _hammer(site: Site, rng: random.Random, device: str, operations: list[Json]) -> None:
    """Send everything twice at once, in different cuts, to both servers."""
    token = site.token(f"user-of-{device}", municipios=("5103403",))
    for start in range(0, len(operations), 6):
        batch = operations[start : start + 6]
        cut = rng.randint(1, 5)
        answers = await asyncio.gather(
            site.sync(token, device, batch, server=0),
            site.sync(token, device, batch[:cut], server=1),
            site.sync(token, device, batch[cut:], server=0),
        )
        recorded = [each for answer in answers for each in (*answer["successes"], *answer["conflicts"])]
        keys = Counter(each["idempotency_key"] for each in recorded if not each["already_processed"])
        assert set(keys.values()) <= {1}, json.dumps(answers)
