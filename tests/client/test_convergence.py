"""Law 9 against the real server: when every device has pushed and pulled to the end, all hold its documents."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from techdengue.client import Carrier, Device, HttpTransport, Surroundings
from techdengue.client.simulator import Simulation, load_demo
from tests.conftest import MakeDatabase

from .real_server import RealServer, running_server

CUIABA, RONDONOPOLIS = "5103403", "5107602"


@pytest.fixture(scope="module")
async def real(make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealServer]:
    database = await make_database()
    async with running_server(database.server_url, tmp_path_factory.mktemp("server")) as server:
        yield server


def held(device: Device) -> dict[tuple[str, str, str], tuple[int | None, Any]]:
    """Everything that a device shows, with versions."""
    return {
        (kind, document.municipio_cod_ibge, str(document.entity_id)): (document.version, document.data)
        for kind in ("atividade", "evidencia")
        for document in device.list(kind)
    }


async def newcomer(real: RealServer, path: Path, municipio: str) -> dict[tuple[str, str, str], Any]:
    """What a device that never wrote anything downloads: the server's documents."""
    async with HttpTransport() as transport:
        around = Surroundings(transport=transport)
        name = path.stem
        device = Device(path, real.url, name, lambda: real.token(name, (municipio,)), surroundings=around)
        async with device:
            report = await device.pull(limit=7, patience=30)
            assert report.finished
            return held(device)


WAYS = [
    *((seed, Carrier.HTTP, False) for seed in range(3)),
    *((seed, Carrier.STREAM, False) for seed in range(3, 6)),
    *((seed, carrier, True) for seed, carrier in enumerate(Carrier, start=6)),
    (9, Carrier.WS, False),
]
"""(seed, carrier, whether devices stay connected)"""


@pytest.mark.parametrize(("seed", "carrier", "stays_connected"), WAYS)
async def test_all_devices_end_with_the_servers_documents(
    real: RealServer, tmp_path: Path, seed: int, carrier: Carrier, stays_connected: bool
) -> None:
    municipios = (CUIABA, RONDONOPOLIS)
    async with Simulation(
        real.url,
        real.token,
        devices=6,
        municipios=municipios,
        seed=seed,
        carrier=carrier,
        stays_connected=stays_connected,
    ) as simulation:
        await simulation.work(rounds=12)
        assert await simulation.settle()
        stats = simulation.stats
        for municipio in municipios:
            truth = await newcomer(real, tmp_path / f"novato-{seed}-{municipio}.sqlite", municipio)
            assert truth
            for agent in simulation.agents:
                if agent.place.municipio == municipio:
                    assert held(agent.device) == truth
    assert stats.pending == 0
    assert stats.acknowledged + stats.refused == stats.made


@pytest.mark.parametrize("carrier", Carrier)
async def test_every_acknowledged_operation_is_in_the_log_exactly_once(real: RealServer, carrier: Carrier) -> None:
    run = f"uma-vez-{carrier.value}"
    async with Simulation(real.url, real.token, devices=4, seed=99, run=run, carrier=carrier) as simulation:
        await simulation.work(rounds=15)
        assert await simulation.settle()
        stats = simulation.stats
    events = [
        event
        for number in range(1, 5)
        for event in await real.read_all("/api/events", device=f"simulado-{run}-{number}")
    ]
    keys = [(event["device_id"], event["idempotency_key"]) for event in events]
    assert len(set(keys)) == len(keys) == stats.acknowledged
    assert stats.lost_answers + stats.cuts > 0
    assert stats.repeated > 0


async def test_the_demo_territory_loads_as_often_as_one_likes(real: RealServer) -> None:
    seen: list[tuple[int, int]] = []
    first = await load_demo(real.url, real.token, progress=lambda done, total: seen.append((done, total)))
    assert first.refused == ()
    assert first.repeated == 0
    assert first.open_conflicts == 6
    assert seen[-1] == (first.operations, first.operations)
    assert all(before < after for before, after in itertools.pairwise(seen))
    again = await load_demo(real.url, real.token)
    assert (again.repeated, again.outcomes) == (first.operations, first.outcomes)
    [one] = [
        entity
        for entity in await real.read_all("/api/sync/changes", entity_type="atividade", limit="500")
        if entity["entity_id"] == 1
    ]
    assert (one["municipio_cod_ibge"], one["data"]["status"]) == (CUIABA, "EM_ANDAMENTO")


async def test_atividade_1_of_the_demo_was_planned_and_begun_once(real: RealServer) -> None:
    await load_demo(real.url, real.token)
    history = await real.read_all("/api/events", type="atividade", id="1")
    assert [(event["operation"], event["outcome"]) for event in history] == [
        ("create", "applied"),
        ("update", "applied"),
    ]
