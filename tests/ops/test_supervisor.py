"""What was started is kept running, and stops in reverse order."""

import asyncio

import pytest

from techdengue.dev import supervisor
from techdengue.dev.errors import DevError
from techdengue.dev.supervisor import Supervisor


class Fake:
    """Something that runs until told otherwise, and writes down what was asked of it."""

    def __init__(self, name: str, diary: list[str]) -> None:
        self.name = name
        self.diary = diary
        self.refusals = 0
        self.started = asyncio.Event()
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int:
        return 1

    @property
    def running(self) -> bool:
        return not self._ended.done()

    async def start(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise DevError("not now")
        self.diary.append(f"start {self.name}")
        self._ended = asyncio.get_running_loop().create_future()
        self.started.set()

    async def stop(self) -> None:
        self.diary.append(f"stop {self.name}")

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    def crash(self) -> None:
        self.started.clear()
        self._ended.set_result(-9)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.001)
    return []


async def test_things_stop_in_the_reverse_order_of_their_start(said: list[str]) -> None:
    diary: list[str] = []
    async with Supervisor(said.append) as running:
        await running.start("first", Fake("first", diary))
        await running.start("second", Fake("second", diary))
    assert diary == ["start first", "start second", "stop second", "stop first"]


async def test_what_crashes_is_started_again_even_when_that_fails_at_first(said: list[str]) -> None:
    diary: list[str] = []
    async with Supervisor(said.append) as running:
        thing = Fake("thing", diary)
        await running.start("thing", thing)
        thing.refusals = 2
        thing.crash()
        await asyncio.wait_for(thing.started.wait(), 10)
    assert diary == ["start thing", "start thing", "stop thing"]
    assert [line.split(";")[0] for line in said[:3]] == [
        "thing ended with status -9",
        "thing did not start (not now)",
        "thing did not start (not now)",
    ]


async def test_each_pause_is_twice_the_one_before(said: list[str]) -> None:
    async with Supervisor(said.append) as running:
        thing = Fake("thing", [])
        await running.start("thing", thing)
        pauses = [await running._start_again("thing", thing, "ended", pause) for pause in (0.001, 0.002)]
    assert pauses == [0.002, 0.004]


async def test_what_does_not_start_at_all_is_told_and_the_others_stop(said: list[str]) -> None:
    diary: list[str] = []
    broken = Fake("broken", diary)
    broken.refusals = 1

    async def start_both() -> None:
        async with Supervisor(said.append) as running:
            await running.start("first", Fake("first", diary))
            await running.start("broken", broken)

    with pytest.raises(DevError, match="not now"):
        await start_both()
    assert diary == ["start first", "stop first"]
