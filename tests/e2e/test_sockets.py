"""`GET /api/sync/ws` over sockets: what one device sends is on disk when it is answered, and others hear of it."""

import aiohttp

from .streaming import log_of, recorded
from .talking import Talk
from .wire import Site


async def test_frames_are_answered_in_the_order_sent(http: aiohttp.ClientSession, site: Site) -> None:
    log = log_of("frames", 30)
    async with Talk(http, site, "frames") as talk:
        await talk.greeted()
        assert talk.socket.protocol == "techdengue.sync.1"
        for seq in (1, 2, 3):
            await talk.say("operations", seq=seq, operations=log[10 * seq - 10 : 10 * seq], batch_id=f"b{seq}")
        for seq in (1, 2, 3):
            results = await talk.hear("results")
            assert (results["seq"], results["acknowledged"], results["batch_id"]) == (seq, seq, f"b{seq}")
            assert len(results["successes"]) == results["processed"] == 10
    keys = [event["idempotency_key"] for event in await recorded(site, "frames")]
    assert keys == [each["idempotency_key"] for each in log]


async def test_changes_reach_another_device_as_far_as_its_credit_goes(http: aiohttp.ClientSession, site: Site) -> None:
    log = log_of("told", 3)
    async with Talk(http, site, "listener", changes=True, credit=10_000) as listener, Talk(http, site, "told") as talk:
        await listener.greeted()
        await talk.greeted()
        while (changes := await listener.hear("changes"))["has_more"]:
            await listener.say("credit", items=len(changes["items"]))
        await talk.say("operations", seq=1, operations=log)
        seen: list[str] = []
        while len(seen) < len(log):
            changes = await listener.hear("changes")
            seen += [item["entity_id"] for item in changes["items"]]
        assert seen == [each["entity_id"] for each in log]
