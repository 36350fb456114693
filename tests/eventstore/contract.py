"""The promises of every event store, as one class: a subclass gives the `store` fixture, empty at each test."""

import datetime as dt

import msgspec
import pytest

from eventstore import (
    CheckpointMoved,
    EventFilter,
    EventStore,
    GapInLog,
    Head,
    InvalidAppend,
    NewEvent,
    RecordedEvent,
    StreamEvent,
    assert_gapless,
    follow,
    stream_event,
)
from tests.eventstore.samples import at, clock, event, unit

TENANT, OTHER = "5103403", "5108402"


def positions(events: list[RecordedEvent]) -> list[int]:
    return [recorded.position for recorded in events]


def names(heads: list[Head]) -> list[tuple[str, str]]:
    return [(head.tenant, head.stream) for head in heads]


class EventStoreContract:
    """Run by test_contract.py against every implementation."""

    async def test_an_empty_store_has_nothing(self, store: EventStore) -> None:
        assert await store.tail() == 0
        assert await store.read_all(0, 10) == []
        assert await store.read_stream(TENANT, "a/1") == []
        assert await store.read_heads([(TENANT, "a/1")]) == []
        assert await store.page_heads(None, 10) == []
        assert await store.search(EventFilter(), None, 10) == []
        assert await store.checkpoint("p") == 0

    async def test_an_event_comes_back_as_it_went_in(self, store: EventStore) -> None:
        new = event("a/1", 1)
        appended = await store.append([unit(new)])
        assert (appended.first_position, appended.moved) == (1, frozenset())
        (recorded,) = await store.read_all(0, 10)
        assert (recorded.lane, recorded.position) == (0, 1)
        for field in NewEvent.__struct_fields__:
            assert getattr(recorded, field) == getattr(new, field)

    async def test_positions_continue_through_units_and_appends(self, store: EventStore) -> None:
        await store.append([unit(event("a/1", 1), event("b/1", 1)), unit(event("a/2", 1))])
        appended = await store.append([unit(event("a/1", 2)), unit(event("a/2", 2))])
        assert appended.first_position == 4
        log = await store.read_all(0, 10)
        assert positions(log) == [1, 2, 3, 4, 5]
        assert [e.stream for e in log] == ["a/1", "b/1", "a/2", "a/1", "a/2"]
        assert await store.tail() == 5

    async def test_appending_nothing_changes_nothing(self, store: EventStore) -> None:
        appended = await store.append([])
        assert (appended.first_position, appended.moved, await store.tail()) == (1, frozenset(), 0)

    async def test_a_head_is_what_its_unit_made_it(self, store: EventStore) -> None:
        await store.append([unit(event("b/1", 1), event("a/1", 1), event("a/1", 2), event("c/1", 1), document=None)])
        (head,) = await store.read_heads([(TENANT, "a/1"), (TENANT, "absent/1")])
        assert head == Head(
            tenant=TENANT,
            stream="a/1",
            sequence=2,
            version=2,
            position=3,
            updated_at=at(2),
            recorded_at=at(2000),
            state=b"state of a/1 2",
            document=None,
        )
        await store.append([unit(event("a/1", 3), document=b"[]")])
        (head,) = await store.read_heads([(TENANT, "a/1")])
        assert (head.sequence, head.position, head.document) == (3, 5, b"[]")

    async def test_a_unit_whose_head_has_moved_loses_whole_and_its_neighbours_win(self, store: EventStore) -> None:
        await store.append([unit(event("a/1", 1))])
        appended = await store.append(
            [
                unit(event("b/1", 1), clocks=[clock("b", None, 1)]),
                unit(event("c/1", 1), event("a/1", 1, "late"), event("c/1", 2), clocks=[clock("c", None, 1)]),
                unit(event("d/1", 1), clocks=[clock("d", None, 1)]),
            ]
        )
        assert (appended.first_position, appended.moved) == (2, frozenset({1}))
        log = await store.read_all(0, 10)
        assert [(e.position, e.stream) for e in log] == [(1, "a/1"), (2, "b/1"), (3, "d/1")]
        assert sorted(names(await store.page_heads(None, 10))) == [(TENANT, s) for s in ("a/1", "b/1", "d/1")]
        again = await store.append([unit(event("c/1", 1), clocks=[clock("c", None, 1)])])
        assert again.moved == frozenset(), "the loser left neither head nor clock behind"
        (head,) = await store.read_heads([(TENANT, "d/1")])
        assert head.position == 3

    async def test_a_unit_that_expects_a_later_head_loses(self, store: EventStore) -> None:
        await store.append([unit(event("a/1", 1))])
        for too_early in (unit(event("a/1", 3)), unit(event("z/1", 2))):
            appended = await store.append([too_early])
            assert (appended.moved, appended.first_position) == (frozenset({0}), 2)
        assert await store.tail() == 1

    async def test_a_unit_whose_writer_has_moved_loses(self, store: EventStore) -> None:
        await store.append([unit(event("a/1", 1), clocks=[clock("d", None, 5)])])
        appended = await store.append(
            [
                unit(event("a/2", 1), clocks=[clock("d", 4, 9)]),
                unit(event("a/3", 1, writer="e"), clocks=[clock("e", None, 9)]),
            ]
        )
        assert appended.moved == {0}
        appended = await store.append([unit(event("a/4", 1), clocks=[clock("d", None, 9)])])
        assert appended.moved == {0}, "a writer that exists is not new"
        appended = await store.append([unit(event("a/4", 1), clocks=[clock("x", 1, 9)])])
        assert appended.moved == {0}, "a writer that does not exist has no clock"
        appended = await store.append([unit(event("a/4", 1), clocks=[clock("d", 5, 9), clock("e", 9, 10)])])
        assert appended.moved == frozenset()

    async def test_a_unit_whose_key_is_known_loses(self, store: EventStore) -> None:
        await store.append([unit(event("a/1", 1, "k"))])
        appended = await store.append([unit(event("a/2", 1, "k")), unit(event("a/3", 1, "other"))])
        assert appended.moved == {0}
        assert await store.tail() == 2

    async def test_a_key_is_free_for_other_writers_and_tenants(self, store: EventStore) -> None:
        appended = await store.append(
            [
                unit(event("a/1", 1, "k")),
                unit(event("a/2", 1, "k", writer="e")),
                unit(event("a/1", 1, "k", tenant=OTHER)),
            ]
        )
        assert appended.moved == frozenset()

    async def test_a_loser_may_try_again_with_what_it_read(self, store: EventStore) -> None:
        await store.append([unit(event("a/1", 1))])
        assert (await store.append([unit(event("a/1", 1, "mine"))])).moved == {0}
        assert (await store.append([unit(event("a/1", 2, "mine"))])).moved == frozenset()

    @pytest.mark.parametrize(
        "units",
        [
            [unit(event("a/1", 1)), unit(event("a/1", 2))],
            [unit(event("a/1", 1, "k"), event("a/2", 1, "k"))],
            [unit(event("a/1", 1, "k")), unit(event("a/2", 1, "k"))],
            [unit(event("a/1", 1), event("a/1", 3))],
            [unit(event("a/1", 1), clocks=[clock("d", None, 1), clock("d", None, 2)])],
            [unit(event("a/1", 1), clocks=[clock("d", None, 1)]), unit(event("a/2", 1), clocks=[clock("d", 1, 2)])],
        ],
        ids=["stream in two units", "key twice", "key in two units", "gap", "writer twice", "writer in two units"],
    )
    async def test_units_that_contradict_one_another_are_refused(self, store: EventStore, units: list[object]) -> None:
        with pytest.raises(InvalidAppend):
            await store.append(units)  # type: ignore[arg-type]  # parametrize forgets what the list holds
        assert await store.tail() == 0

    async def test_lanes_count_for_themselves(self, store: EventStore) -> None:
        await store.append([unit(event("a/1", 1))])
        appended = await store.append([unit(event("a/2", 1)), unit(event("a/3", 1))], lane=7)
        assert (appended.lane, appended.first_position) == (7, 1)
        assert (await store.tail(), await store.tail(7), await store.tail(8)) == (1, 2, 0)
        assert [(e.lane, e.position) for e in await store.read_all(0, 10, lane=7)] == [(7, 1), (7, 2)]

    async def test_a_stream_is_read_by_sequence(self, store: EventStore) -> None:
        for sequence in range(1, 6):
            await store.append([unit(event("a/1", sequence), event("b/1", sequence))])

        async def sequences(after: int = 0, up_to: int | None = None, limit: int | None = None) -> list[int]:
            return [e.sequence for e in await store.read_stream(TENANT, "a/1", after, up_to, limit)]

        assert await sequences() == [1, 2, 3, 4, 5]
        assert await sequences(after=2) == [3, 4, 5]
        assert await sequences(after=1, up_to=4) == [2, 3, 4]
        assert await sequences(after=1, up_to=4, limit=2) == [2, 3]
        assert await sequences(after=5) == []
        assert await store.read_stream(OTHER, "a/1") == []

    async def test_several_streams_are_read_at_once_as_asked(self, store: EventStore) -> None:
        for sequence in (1, 2, 3):
            await store.append([unit(event("a/1", sequence), event("b/1", sequence))])
        events = await store.read_streams([(TENANT, "b/1", None), (TENANT, "no/1", None), (TENANT, "a/1", 2)])
        assert [(e.stream, e.sequence) for e in events] == [("b/1", 1), ("b/1", 2), ("b/1", 3), ("a/1", 1), ("a/1", 2)]
        assert await store.read_streams([]) == []

    async def test_the_log_is_read_in_pieces(self, store: EventStore) -> None:
        await store.append([unit(event(f"a/{n}", 1)) for n in range(5)])
        assert positions(await store.read_all(0, 2)) == [1, 2]
        assert positions(await store.read_all(2, 2)) == [3, 4]
        assert positions(await store.read_all(4, 2)) == [5]
        assert positions(await store.read_all(5, 2)) == []

    async def test_all_streams_are_paged_by_tenant_stream_and_sequence(self, store: EventStore) -> None:
        streams = ["a/1", "a/10", "a/Z", "a/é", "a/😀"]
        for sequence in (1, 2):
            units = [unit(event(s, sequence, tenant=t)) for t in (OTHER, TENANT) for s in reversed(streams)]
            assert not (await store.append(units)).moved
        expected = [(t, s, sequence) for t in (TENANT, OTHER) for s in streams for sequence in (1, 2)]
        after: tuple[str, str, int] | None = None
        paged: list[StreamEvent] = []
        while page := [stream_event(row) for row in await store.page_streams(after, 3)]:
            paged += page
            after = (page[-1].tenant, page[-1].stream, page[-1].sequence)
        assert [(each.tenant, each.stream, each.sequence) for each in paged] == expected

    async def test_a_page_of_streams_has_of_each_event_what_the_log_has_its_times_to_the_microsecond(
        self, store: EventStore
    ) -> None:
        for number, year in enumerate((1, 1969, 1970, 2026, 9999), start=1):
            moment = dt.datetime(year, 12, 31, 23, 59, 59, 999_997, tzinfo=dt.UTC)
            odd = msgspec.structs.replace(
                event(f"a/{number}", 1), occurred_at=moment, recorded_at=moment - (at(1) - at(0))
            )
            await store.append([unit(odd)])
        fields = StreamEvent.__struct_fields__
        rows, log = await store.page_streams(None, 9), await store.read_all(0, 9)
        assert len(rows) == 5
        for read, recorded in zip(map(stream_event, rows), log, strict=True):
            assert [getattr(read, name) for name in fields] == [getattr(recorded, name) for name in fields]

    async def test_heads_are_paged_by_tenant_and_stream(self, store: EventStore) -> None:
        streams = ["a/1", "a/10", "a/2", "a/Z", "a/é", "a/😀", "b/1"]
        await store.append([unit(event(s, 1, tenant=t)) for t in (OTHER, TENANT) for s in reversed(streams)])
        expected = [(t, s) for t in (TENANT, OTHER) for s in streams]
        assert names(await store.page_heads(None, 100)) == expected
        after: tuple[str, str] | None = None
        paged = []
        while page := names(await store.page_heads(after, 3)):
            paged += page
            after = page[-1]
        assert paged == expected

    async def test_a_page_of_heads_keeps_to_tenants_and_prefix(self, store: EventStore) -> None:
        streams = ["a/1", "a/2", "ab/1", "b/1"]
        await store.append([unit(event(s, 1, tenant=t)) for t in ("1", "2", "3") for s in streams])
        page = names(await store.page_heads(None, 5, tenants=["3", "1", "3", "9"]))
        assert page == [("1", "a/1"), ("1", "a/2"), ("1", "ab/1"), ("1", "b/1"), ("3", "a/1")]
        page = names(await store.page_heads(("1", "a/2"), 5, tenants=["3", "1"]))
        assert page == [("1", "ab/1"), ("1", "b/1"), ("3", "a/1"), ("3", "a/2"), ("3", "ab/1")]
        assert names(await store.page_heads(("1", "a/1"), 3, ["1", "2"], "a/")) == [
            ("1", "a/2"),
            ("2", "a/1"),
            ("2", "a/2"),
        ]
        assert names(await store.page_heads(("1", "a/2"), 9, None, "b/")) == [(t, "b/1") for t in ("1", "2", "3")]
        assert await store.page_heads(("2", ""), 9, ["1"]) == []
        assert await store.page_heads(None, 9, []) == []

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            (EventFilter(), [1, 2, 3, 4, 5]),
            (EventFilter(tenants=frozenset({OTHER})), [5]),
            (EventFilter(tenants=frozenset()), []),
            (EventFilter(stream="a/1"), [1, 3, 5]),
            (EventFilter(stream="a/1", tenants=frozenset({TENANT})), [1, 3]),
            (EventFilter(type_prefix="b."), [2, 4]),
            (EventFilter(writer="e"), [4, 5]),
            (EventFilter(actor="user of d"), [1, 2, 3]),
            (EventFilter(outcome="applied", writer="e", type_prefix="a."), [5]),
            (EventFilter(outcome="merged"), []),
            (EventFilter(since=at(2000)), [3, 4]),
            (EventFilter(until=at(2000)), [1, 2, 5]),
            (EventFilter(stream="a/1", since=at(1000), until=at(2000), writer="d"), [1]),
        ],
        ids=str,
    )
    async def test_a_search_finds_what_passes_its_filter_either_way(
        self, store: EventStore, wanted: EventFilter, found: list[int]
    ) -> None:
        for new in (
            event("a/1", 1),
            event("b/1", 1),
            event("a/1", 2),
            event("b/1", 2, writer="e"),
            event("a/1", 1, writer="e", tenant=OTHER),
        ):
            await store.append([unit(new)])
        assert positions(await store.search(wanted, None, 10)) == found
        assert positions(await store.search(wanted, None, 10, descending=True)) == found[::-1]
        assert positions(await store.search(wanted, None, 2)) == found[:2]
        assert positions(await store.search(wanted, 2, 10)) == [p for p in found if p > 2]
        assert positions(await store.search(wanted, 4, 1, descending=True)) == [p for p in found if p < 4][-1:]
        assert await store.search(wanted, None, 10, lane=1) == []

    async def test_a_checkpoint_moves_only_from_where_it_stands(self, store: EventStore) -> None:
        with pytest.raises(CheckpointMoved):
            await store.advance("p", 3, 5)
        assert await store.checkpoint("p") == 0
        await store.advance("p", 0, 5)
        with pytest.raises(CheckpointMoved):
            await store.advance("p", 0, 7)
        await store.advance("p", 5, 7)
        await store.advance("p", 7, 0)
        await store.advance("p", 0, 1)
        assert (await store.checkpoint("p"), await store.checkpoint("q")) == (1, 0)

    async def test_a_follower_reads_every_event_once_and_waits_for_more(self, store: EventStore) -> None:
        await store.append([unit(event(f"a/{n}", 1)) for n in range(5)])
        waits = 0

        async def wait() -> None:
            nonlocal waits
            waits += 1
            await store.append([unit(event("b/1", waits))])

        seen: list[int] = []
        async for events in follow(store, 1, wait, limit=3):
            seen += positions(events)
            if len(seen) == 6:
                break
        assert (seen, waits) == ([2, 3, 4, 5, 6, 7], 2)

    async def test_a_follower_stops_loudly_when_the_log_ends_before_its_checkpoint(self, store: EventStore) -> None:
        await store.append([unit(event("a/1", 1))])

        async def wait() -> None:
            raise AssertionError("it must not wait")

        with pytest.raises(GapInLog) as caught:
            await anext(follow(store, 2, wait))
        assert (caught.value.expected, caught.value.found) == (2, 1)

    async def test_a_gap_is_an_error(self, store: EventStore) -> None:
        await store.append([unit(event(f"a/{n}", 1)) for n in range(4)])
        log = await store.read_all(0, 10)
        assert assert_gapless(0, log) == 4
        assert assert_gapless(4, []) == 4
        for after, events in ((0, log[1:]), (1, log), (0, log[:1] + log[2:]), (0, [log[1], log[0]])):
            with pytest.raises(GapInLog):
                assert_gapless(after, events)
