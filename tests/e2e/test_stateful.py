"""Devices of the Python client against two real servers, driven by Hypothesis: the laws hold whatever happens.

One of the servers is two processes.

Laws 1 (replay), 2 (idempotence), 8 (soundness), 9 (convergence) and 10 (time travel) of docs/resolution.md.
"""

import asyncio
import datetime as dt
import itertools
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from techdengue.client import Device, Surroundings
from techdengue.domain.access import Role
from techdengue.domain.municipios import MUNICIPIOS
from techdengue.domain.operation import Choice, Strategy
from techdengue.testing import documents, merge_patches
from tests.resolver import slow_model as model

from .playing import REQUIRED, Place, fields_of
from .replaying import assert_answers, assert_conflicts, assert_document, assert_states, assert_times, replay
from .roads import FATES, Fate, Roads
from .wire import Json, Site

EXAMPLES = max(25, settings().max_examples // 10)
STEPS = 30
DEVICES = ("d1", "d2", "d3")
ENTITIES = ("e1", "e2", "f1")
SKEWS = (0, 1, -3, 3600, -86_400)
NUMBERS = itertools.count(1)

_T = TypeVar("_T")
Run = Callable[[Coroutine[Any, Any, Any]], Any]


class SkewedClock:
    """A device's clock: off, jumping, and moved by every wait instead of waiting."""

    def __init__(self) -> None:
        self._off = dt.timedelta()

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self._off

    def move(self, seconds: float) -> None:
        self._off += dt.timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.move(seconds)


class World:
    """Three devices in one município, what lies between them and the servers, and a manager."""

    def __init__(self, site: Site, directory: Path) -> None:
        number = next(NUMBERS)
        self.site = site
        self.name = f"stateful-{number}"
        self.municipio = list(MUNICIPIOS)[-number % len(MUNICIPIOS)]
        self.roads = Roads(site)
        self.manager = site.token(f"gestora-{self.name}", Role.GESTOR, (self.municipio,))
        self.devices: dict[str, Device] = {}
        self._directory = directory
        self._clocks = {device: SkewedClock() for device in DEVICES}
        self._keys = itertools.count(1)

    def place(self, entity: str) -> Place:
        """The município, type and id of an entity."""
        return self.municipio, "evidencia" if entity.startswith("f") else "atividade", f"{entity}-{self.name}"

    async def switch_on(self, device: str) -> None:
        """Start a device, again on the same file where it ran before."""
        if device in self.devices:
            await self.devices[device].close()
        clock, user = self._clocks[device], f"user-{device}-{self.name}"
        around = Surroundings(clock=clock, sleep=clock.sleep, transport=self.roads)
        self.devices[device] = Device(
            self._directory / f"{device}.sqlite",
            self.site.urls[0],
            f"{device}-{self.name}",
            lambda: self.site.token(user, Role.CAMPO, (self.municipio,)),
            durable=False,
            surroundings=around,
        )

    async def edit(self, device: str, entity: str, kind: str, data: Json, strategy: Strategy) -> None:
        """The device's user does something, offline."""
        municipio, entity_type, entity_id = self.place(entity)
        one = self.devices[device]
        if kind == "delete":
            one.delete(entity_type, entity_id, strategy=strategy, municipio=municipio)
            return
        patch = fields_of(entity_type, data)
        if kind == "update":
            one.update(entity_type, entity_id, patch, strategy=strategy, municipio=municipio)
            return
        parent = (
            {"atividade_id": f"e1-{self.name}"} if entity_type == "evidencia" else {"municipio_cod_ibge": municipio}
        )
        whole = {**REQUIRED[entity_type], **patch, **parent}
        one.create(entity_type, entity_id, whole, strategy=strategy, municipio=municipio)

    async def push(self, device: str, fate: Fate, size: int) -> None:
        """The device pushes all that it has, `size` operations a request."""
        self.roads.fate = fate
        self.devices[device].batch_size = size
        report = await self.devices[device].push(patience=1e6)
        assert (report.finished, report.left) == (True, 0)

    async def pull(self, device: str, limit: int) -> None:
        """The device reads what changed."""
        assert (await self.devices[device].pull(patience=1e6, limit=limit)).finished

    async def jump(self, device: str, seconds: int) -> None:
        """The device's clock jumps."""
        self._clocks[device].move(seconds)

    async def repeat(self, which: int) -> None:
        """An old request arrives once more."""
        await self.roads.repeat(self.roads.pushes[which % len(self.roads.pushes)])

    async def settle(self, which: int, choice: Choice, data: Json) -> None:
        """The manager settles an open conflict, if there is one."""
        waiting = await self.site.read_all("/api/conflicts", self.manager, device=None)
        if not waiting:
            return
        conflict = waiting[which % len(waiting)]
        body: Json = {"choice": choice.value, "idempotency_key": f"s-{next(self._keys)}-{self.name}"}
        if choice is Choice.CUSTOM:
            body["data"] = fields_of(conflict["entity_type"], data)
        path = f"/api/conflicts/{conflict['conflict_id']}/resolution"
        answer = await self.site.ask("POST", path, self.manager, body=body)
        assert answer.status == 200, answer.body

    async def end(self) -> None:
        """Every device pushes and pulls to the end; then the laws are checked."""
        try:
            for device in DEVICES:
                await self.push(device, "delivered", 100)
                for refused in self.devices[device].refusals():
                    self.devices[device].discard(refused.operation.key)
            for device in DEVICES:
                await self.pull(device, 500)
            await self._check()
        finally:
            for one in self.devices.values():
                await one.close()
            await self.roads.close()

    async def _check(self) -> None:
        auditor = self.site.token("auditora", Role.ADMIN)
        documents = await self.site.read_all("/api/sync/changes", self.manager)
        ours = {str(item["entity_id"]): item for item in documents if str(item["entity_id"]).endswith(self.name)}
        for device in DEVICES:
            _assert_holds(self.devices[device], documents)
        replays = {}
        for place in (self.place(entity) for entity in ENTITIES):
            if place[2] in ours:
                replays[place] = replayed = await replay(self.site, auditor, place)
                assert_document(ours[place[2]], replayed.last)
                await assert_states(self.site, auditor, place, replayed)
                await assert_conflicts(self.site, auditor, place, replayed)
        assert_answers(replays, self.roads.told)
        assert_times(replays, self.roads.told)


def _assert_holds(device: Device, documents: list[Json]) -> None:
    """Law 9: the device shows the server's documents, and nothing else."""
    expected = {
        (item["entity_type"], str(item["entity_id"])): (item["version"], model.canonical(item["data"]))
        for item in documents
        if not item["deleted"]
    }
    shown = {
        (kind, str(document.entity_id)): (document.version, model.canonical(document.data))
        for kind in ("atividade", "evidencia")
        for document in device.list(kind)
    }
    assert shown == expected


device_names, entity_names = st.sampled_from(DEVICES), st.sampled_from(("e1", *ENTITIES))


@st.composite
def patches(draw: st.DrawFn) -> Json:
    """What an edit sets and removes. (Composite, for Hypothesis describes the rest at length.)"""
    return draw(st.one_of(documents(), merge_patches()))


class FieldWork(RuleBasedStateMachine):
    """What may happen, one thing after another."""

    run: Run
    make_world: Callable[[], World]

    def __init__(self) -> None:
        super().__init__()
        self.world = self.make_world()

    def do(self, what: Awaitable[None]) -> None:
        type(self).run(what)  # type: ignore[arg-type]  # every call of the world is a coroutine

    @initialize(skews=st.tuples(*[st.sampled_from(SKEWS)] * 3), data=patches())
    def begin(self, skews: tuple[int, ...], data: Json) -> None:
        for device, skew in zip(DEVICES, skews, strict=True):
            self.do(self.world.jump(device, skew))
            self.do(self.world.switch_on(device))
        self.do(self.world.edit("d1", "e1", "create", data, Strategy.LAST_WRITE_WINS))
        self.do(self.world.push("d1", "delivered", 1))
        for device in DEVICES:
            self.do(self.world.pull(device, 500))

    @rule(
        device=device_names,
        entity=entity_names,
        kind=st.sampled_from(("update", "update", "update", "create", "delete")),
        data=patches(),
        strategy=st.sampled_from(Strategy),
    )
    def edit(self, device: str, entity: str, kind: str, data: Json, strategy: Strategy) -> None:
        self.do(self.world.edit(device, entity, kind, data, strategy))

    @rule(
        one=device_names, other=device_names, data=st.tuples(patches(), patches()), strategy=st.sampled_from(Strategy)
    )
    def differ(self, one: str, other: str, data: tuple[Json, Json], strategy: Strategy) -> None:
        """Two devices change one entity, neither knowing of the other's change."""
        for device, patch in zip((one, other), data, strict=True):
            self.do(self.world.edit(device, "e1", "update", patch, strategy))
        for device in (one, other):
            self.do(self.world.push(device, "delivered", 9))

    @rule(device=device_names, fate=st.sampled_from(FATES), size=st.sampled_from((1, 2, 100)))
    def push(self, device: str, fate: Fate, size: int) -> None:
        self.do(self.world.push(device, fate, size))

    @rule(device=device_names, limit=st.sampled_from((1, 500)))
    def pull(self, device: str, limit: int) -> None:
        self.do(self.world.pull(device, limit))

    @rule(device=device_names)
    def restart(self, device: str) -> None:
        self.do(self.world.switch_on(device))

    @rule(device=device_names, seconds=st.sampled_from(SKEWS))
    def jump(self, device: str, seconds: int) -> None:
        self.do(self.world.jump(device, seconds))

    @rule(which=st.integers(0, 99))
    @precondition(lambda self: self.world.roads.pushes)
    def deliver_again(self, which: int) -> None:
        self.do(self.world.repeat(which))

    @rule(which=st.integers(0, 2), choice=st.sampled_from(Choice), data=patches())
    def settle(self, which: int, choice: Choice, data: Json) -> None:
        self.do(self.world.settle(which, choice, data))

    def teardown(self) -> None:
        if self.world.devices:
            self.do(self.world.end())


async def test_devices_of_any_history_end_with_the_servers_documents_and_the_laws_hold(site: Site) -> None:
    loop = asyncio.get_running_loop()

    def run(what: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(what, loop).result(timeout=120)

    with tempfile.TemporaryDirectory() as directory:
        rooms = (Path(tempfile.mkdtemp(dir=directory)) for _ in itertools.count())

        class Here(FieldWork):
            """The machine on this site; its rules run in a thread, what they do in this loop."""

        Here.run = staticmethod(run)
        Here.make_world = staticmethod(lambda: World(site, next(rooms)))
        sizes = settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        await asyncio.to_thread(run_state_machine_as_test, Here, settings=sizes)
