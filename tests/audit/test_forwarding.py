"""Every entry comes to the collector, in order, at least once, whatever becomes of it or of us."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from techdengue.audit import AUDITOR, AuditTrail, CollectorLost
from techdengue.audit.collector import Address, connected, read_address
from techdengue.audit.forwarder import Forwarder, end
from techdengue.dev.database import Database
from techdengue.settings import Settings, SettingsError
from techdengue.telemetry import AUDIT_FAILURES, AUDIT_PENDING, AUDIT_PENDING_SECONDS

from .collecting import FakeCollector, collecting, make_certificate, server_context
from .conftest import entry
from .forwarding import PACE

_PATIENCE = 60.0


@contextlib.asynccontextmanager
async def forwarding(pool: "asyncpg.Pool[Any]", address: Address) -> AsyncIterator[None]:
    """A forwarder that runs for as long as the block."""
    task = asyncio.create_task(Forwarder(pool, address, enterprise_id=32473, pace=PACE).run())
    try:
        yield
    finally:
        await end(task)


async def write(trail: AuditTrail, first: int, last: int) -> None:
    """Entries with these numbers."""
    await asyncio.gather(*(trail.record(entry(number)) for number in range(first, last + 1)))


async def come_to(pool: "asyncpg.Pool[Any]", position: int) -> None:
    """Waits until the collector is known to have everything up to there."""
    async with asyncio.timeout(_PATIENCE):
        while await cursor(pool) != position:  # noqa: ASYNC110 - another task moves it
            await asyncio.sleep(0.02)


async def cursor(pool: "asyncpg.Pool[Any]") -> int:
    """The last entry that the collector is known to have."""
    found: int = await pool.fetchval("SELECT position FROM techdengue.audit_cursor WHERE name = 'syslog'")
    return found


def once_in_order(collector: FakeCollector) -> list[int]:
    """What the collector has when it drops what it has had before."""
    return list(dict.fromkeys(collector.ids))


async def test_entries_come_as_they_come_to_be_in_order_and_once(trail: AuditTrail, pool: "asyncpg.Pool[Any]") -> None:
    await write(trail, 1, 500)
    async with collecting() as collector, forwarding(pool, Address("127.0.0.1", collector.port)):
        await collector.has(lambda c: len(c.ids) == 500)
        await write(trail, 501, 510)
        await collector.has(lambda c: len(c.ids) == 510)
        await come_to(pool, 510)
    assert collector.ids == list(range(1, 511))


async def test_what_a_collector_that_was_killed_had_not_read_is_sent_again(
    trail: AuditTrail, pool: "asyncpg.Pool[Any]"
) -> None:
    async with collecting() as collector, forwarding(pool, Address("127.0.0.1", collector.port)):
        collector.leaves_after = 70
        await write(trail, 1, 1000)
        await collector.has(lambda c: len(c.ids) >= 140)
        await collector.stop()
        await write(trail, 1001, 1100)
        collector.leaves_after = None
        await collector.start()
        await come_to(pool, 1100)
        assert once_in_order(collector) == list(range(1, 1101))


async def test_what_waits_for_a_collector_is_counted_with_its_age(trail: AuditTrail, pool: "asyncpg.Pool[Any]") -> None:
    await write(trail, 1, 30)
    async with collecting() as collector:
        await collector.stop()
        async with forwarding(pool, Address("127.0.0.1", collector.port)):
            async with asyncio.timeout(_PATIENCE):
                while AUDIT_PENDING._value.get() != 30:  # noqa: ASYNC110 - a gauge tells nobody
                    await asyncio.sleep(0.02)
            assert AUDIT_PENDING_SECONDS._value.get() > 0
            assert await cursor(pool) == 0
            await collector.start()
            await come_to(pool, 30)
    assert once_in_order(collector) == list(range(1, 31))


async def test_what_a_collector_has_but_never_read_is_sent_again(trail: AuditTrail, pool: "asyncpg.Pool[Any]") -> None:
    async with collecting() as collector:
        collector.reading = False
        async with forwarding(pool, Address("127.0.0.1", collector.port)):
            await write(trail, 1, 20)  # they fit into the buffers of its machine, which acknowledges them
            await collector.has(lambda c: c.connections >= 1)
            await collector.has(lambda c: c.connections >= 2)
            assert await cursor(pool) == 0
            await collector.stop()
            collector.reading = True
            await collector.start()
            await come_to(pool, 20)
    assert once_in_order(collector) == list(range(1, 21))


async def test_a_collector_that_hangs_is_left_and_gets_everything_when_it_reads_again(
    trail: AuditTrail, pool: "asyncpg.Pool[Any]"
) -> None:
    long = "x" * 200
    async with collecting() as collector:
        collector.reading = False
        async with forwarding(pool, Address("127.0.0.1", collector.port)):
            for first in range(0, 20_000, 5_000):
                await asyncio.gather(*(trail.record(entry(n, target_id=long)) for n in range(first, first + 5_000)))
            await collector.has(lambda c: c.connections >= 2)
            assert await cursor(pool) < 20_000
            collector.reading = True
            await come_to(pool, 20_000)
    assert once_in_order(collector) == list(range(1, 20_001))


async def test_a_forwarder_that_is_killed_again_and_again_loses_nothing(
    empty: Database, trail: AuditTrail, pool: "asyncpg.Pool[Any]"
) -> None:
    async with collecting() as collector:
        written = 0
        for life in range(4):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.audit.forwarding",
                empty.server_url,
                str(collector.port),
                cwd=Path(__file__).parents[2],
                env={**os.environ},
            )
            await write(trail, written + 1, written + 300)
            written += 300
            await collector.has(lambda c, wanted=written - 200: len(set(c.ids)) >= wanted)  # type: ignore[misc]
            if life == 3:
                await come_to(pool, written)
            process.send_signal(signal.SIGKILL)
            await process.wait()
        assert once_in_order(collector) == list(range(1, written + 1))


async def test_of_several_forwarders_one_forwards_and_another_takes_over(
    empty: Database, trail: AuditTrail, pool: "asyncpg.Pool[Any]"
) -> None:
    async with collecting() as collector:
        address = Address("127.0.0.1", collector.port)
        async with asyncpg.create_pool(
            empty.server_url, min_size=0, max_size=3, server_settings={"role": AUDITOR}
        ) as other:
            async with forwarding(other, address):
                await write(trail, 1, 10)
                await come_to(pool, 10)
                async with forwarding(pool, address):
                    await write(trail, 11, 20)
                    await come_to(pool, 20)
            async with forwarding(pool, address):
                await write(trail, 21, 30)
                await come_to(pool, 30)
    assert collector.ids == list(range(1, 31))


async def test_a_forwarder_outlives_its_database_session(
    empty: Database, trail: AuditTrail, pool: "asyncpg.Pool[Any]"
) -> None:
    async with collecting() as collector, forwarding(pool, Address("127.0.0.1", collector.port)):
        await write(trail, 1, 10)
        await come_to(pool, 10)
        owner = await asyncpg.connect(empty.owner_url)
        await owner.execute(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database"
            " WHERE l.locktype = 'advisory' AND d.datname = current_database() AND l.granted"
        )
        await owner.close()
        await write(trail, 11, 20)
        await come_to(pool, 20)
    assert once_in_order(collector) == list(range(1, 21))


async def test_a_hole_in_the_trail_stops_the_forwarder_before_it(
    empty: Database, trail: AuditTrail, pool: "asyncpg.Pool[Any]"
) -> None:
    await write(trail, 1, 3)
    owner = await asyncpg.connect(empty.owner_url)
    await owner.execute("ALTER TABLE techdengue.audit DISABLE TRIGGER audit_is_append_only")
    await owner.execute("DELETE FROM techdengue.audit WHERE audit_id = 2")
    await owner.close()
    async with collecting() as collector, forwarding(pool, Address("127.0.0.1", collector.port)):
        await come_to(pool, 1)
        gaps = AUDIT_FAILURES.labels("gap")
        before = gaps._value.get()
        async with asyncio.timeout(_PATIENCE):
            while gaps._value.get() < before + 2:  # noqa: ASYNC110 - a counter tells nobody
                await asyncio.sleep(0.02)
    assert set(collector.ids) == {1}


def settings(**more: str) -> Settings:
    """Settings that name a collector."""
    return Settings(database_url="postgresql://nowhere", **more)  # type: ignore[arg-type]  # all of them are text


async def test_over_tls_the_collector_is_verified_and_may_ask_who_we_are(
    trail: AuditTrail, pool: "asyncpg.Pool[Any]", tmp_path: Path
) -> None:
    authority, both = make_certificate(tmp_path, "collector")
    ours, ours_with_key = make_certificate(tmp_path, "techdengue")
    async with collecting(server_context(both, clients=ours)) as collector:
        address = read_address(
            settings(
                syslog_url=f"tls://127.0.0.1:{collector.port}",
                syslog_ca_file=str(authority),
                syslog_certificate_file=str(ours_with_key),
            )
        )
        assert address is not None
        async with forwarding(pool, address):
            await write(trail, 1, 300)
            await collector.has(lambda c: len(c.ids) == 300)
            await collector.stop()
            await write(trail, 301, 310)
            await collector.start()
            await come_to(pool, 310)
    assert once_in_order(collector) == list(range(1, 311))


@pytest.mark.parametrize("wrong", ["authority", "address"])
async def test_a_collector_that_is_not_the_one_gets_nothing(
    trail: AuditTrail, pool: "asyncpg.Pool[Any]", tmp_path: Path, wrong: str
) -> None:
    authority, both = make_certificate(tmp_path, "a", address="127.0.0.9" if wrong == "address" else "127.0.0.1")
    other, _ = make_certificate(tmp_path, "b")
    await write(trail, 1, 5)
    async with collecting(server_context(both)) as collector:
        address = read_address(
            settings(
                syslog_url=f"tls://127.0.0.1:{collector.port}",
                syslog_ca_file=str(other if wrong == "authority" else authority),
            )
        )
        assert address is not None
        with pytest.raises(CollectorLost, match="SSLCertVerificationError"):
            async with connected(address, seconds=5):
                pass
    assert collector.ids == []
    assert await cursor(pool) == 0


@pytest.mark.parametrize("url", ["collector:514", "udp://c:514", "tcp://c", "tls://:6514", "tcp://c:x", "tcp://c:1/x"])
def test_an_address_that_is_none_is_refused_by_the_name_of_its_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="TECHDENGUE_SYSLOG_URL"):
        read_address(settings(syslog_url=url))


def test_a_file_that_is_none_is_refused_by_the_name_of_its_setting(tmp_path: Path) -> None:
    for name in ("syslog_ca_file", "syslog_certificate_file"):
        with pytest.raises(SettingsError, match=f"TECHDENGUE_{name.upper()}"):
            read_address(settings(syslog_url="tls://c:6514", **{name: str(tmp_path / "nothing")}))
        (tmp_path / "empty").touch()
        with pytest.raises(SettingsError, match="FILE"):
            read_address(settings(syslog_url="tls://c:6514", **{name: str(tmp_path / "empty")}))


def test_without_a_setting_there_is_no_collector() -> None:
    assert read_address(settings()) is None


async def test_it_ends_when_it_is_told_to_in_the_moment_in_which_the_database_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copying, gone = asyncio.Event(), asyncio.Event()

    @contextlib.asynccontextmanager
    async def lead(_: Forwarder) -> AsyncIterator[None]:
        yield

    async def copy(_: Forwarder) -> None:
        copying.set()
        await gone.wait()
        raise ConnectionRefusedError

    monkeypatch.setattr(Forwarder, "_leading", lead)
    monkeypatch.setattr(Forwarder, "_copy", copy)
    nowhere: Any = None
    task = asyncio.create_task(Forwarder(nowhere, None, enterprise_id=32473, pace=PACE).run())
    await copying.wait()
    gone.set()
    async with asyncio.timeout(_PATIENCE):
        await end(task, again=0.05)
    assert task.cancelled()
