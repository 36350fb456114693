"""Devices of one territory that are told the same are told it by one query, whatever credit each has left."""

import pytest

from projections.model import Document, Page
from techdengue.feed import Feed
from techdengue.http.auth import TokenVerifier
from techdengue.http.openapi import examples
from techdengue.http.services import Services
from techdengue.telemetry import FEED_READS

from .conftest import CUIABA, Tokens, settings_for
from .fakes import FakeIntake, FakeJobs, FakeReaders, FakeReports, FakeTrail
from .speaking import greeted

NOTHING: Page[Document] = Page(items=[], next_cursor="c", has_more=False)


@pytest.mark.parametrize(("one_credit", "other_credit"), [(700, 10_000), (150, 199)])
async def test_one_query_tells_devices_of_different_credit(
    tokens: Tokens, readers: FakeReaders, feed: Feed, one_credit: int, other_credit: int
) -> None:
    settings = settings_for(tokens)
    services = Services(
        intake=FakeIntake(),
        readers=readers,
        feed=feed,
        jobs=FakeJobs(),
        reports=FakeReports(),
        verifier=TokenVerifier(settings),
        audit=FakeTrail(),
        settings=settings,
    )
    made = FEED_READS.labels("made")
    readers.page = NOTHING
    async with (
        feed.running(),
        greeted(services, tokens.mint(user="one"), changes=True, credit=one_credit) as one,
        greeted(services, tokens.mint(user="other"), changes=True, credit=other_credit) as other,
    ):
        for device in (one, other):
            assert (await device.hear("changes"))["items"] == []
        queries = made._value.get()
        readers.page = examples.CHANGES
        feed.committed(1, 1, {CUIABA})
        for device in (one, other):
            assert len((await device.hear("changes"))["items"]) == 1
            readers.page = NOTHING
        assert made._value.get() == queries + 1
