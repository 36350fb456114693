"""`POST /api/sync/stream` over sockets: both ways at once, cut in the middle, and exactly once in the log."""

import asyncio

import aiohttp

from .streaming import Sending, log_of, recorded
from .wire import Json, Site


async def test_an_operation_is_answered_while_the_stream_goes_on(http: aiohttp.ClientSession, site: Site) -> None:
    first, second = log_of("duplex", 2)
    async with Sending(http, site, "duplex") as stream:
        stream.send([first])
        assert (await stream.told(1))[0]["kind"] == "success"
        assert [event["idempotency_key"] for event in await recorded(site, "duplex")] == ["duplex-0"]
        stream.send([second])
        assert (await stream.told(1))[0]["index"] == 1
        stream.finish()
        assert (await stream.told(1))[0]["processed"] == 2


async def test_a_log_that_is_cut_ten_times_is_in_the_log_exactly_once(http: aiohttp.ClientSession, site: Site) -> None:
    log = log_of("cut", 3000)
    acknowledged: set[str] = set()
    for cut in range(10):
        async with Sending(http, site, "cut", server=cut) as stream:
            stream.send(log)
            for told in await stream.told(300 * (cut + 1)):
                acknowledged.add(told["idempotency_key"])
    assert acknowledged <= {event["idempotency_key"] for event in await recorded(site, "cut")}
    async with Sending(http, site, "cut") as stream:
        stream.send(log)
        stream.finish()
        *answers, last = await stream.told(len(log) + 1)
    assert {each["kind"] for each in answers} == {"success"}
    assert (last["kind"], last["processed"]) == ("end", len(log))
    keys = [event["idempotency_key"] for event in await recorded(site, "cut")]
    assert keys == [each["idempotency_key"] for each in log]


async def test_two_streams_of_one_device_at_once_record_each_operation_once(
    http: aiohttp.ClientSession, site: Site
) -> None:
    log = log_of("twice", 1000)

    async def stream_all(server: int) -> list[Json]:
        async with Sending(http, site, "twice", server=server) as stream:
            stream.send(log)
            stream.finish()
            return await stream.told(len(log) + 1)

    tales = await asyncio.gather(stream_all(0), stream_all(1))
    for told in tales:
        assert [each["kind"] for each in told] == ["success"] * len(log) + ["end"]
        assert [each["index"] for each in told[:-1]] == list(range(len(log)))
    for one, other in zip(*tales, strict=True):
        assert one.get("already_processed") != other.get("already_processed") or one["kind"] == "end"
    assert len(await recorded(site, "twice")) == len(log)
