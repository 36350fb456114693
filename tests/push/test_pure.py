"""What is decided without a wire: bodies, answers, pauses, the pace, and what people read."""

import datetime as dt
import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.push import texts
from jobs.push.answers import read_answer, retry_after
from jobs.push.backoff import LONGEST, pause
from jobs.push.errors import MessageUnsendable
from jobs.push.model import Message, MessageType, Outcome, Target, TargetKind
from jobs.push.pacing import Pacing
from jobs.push.texts import DayFigures
from jobs.push.wire import check, encode

from .faults import Fault, wire_of

NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
ID = uuid.UUID("0190f5f6-7b1e-7d8a-9a11-0123456789ab")
MESSAGE = texts.sync_conflict(ID, "atividade")


def _body(kind: TargetKind, *, ttl: float = 60, validate_only: bool = False) -> dict[str, object]:
    ttl_left = dt.timedelta(seconds=ttl)
    raw = encode(MESSAGE, Target(kind, "x"), ttl=ttl_left, now=NOW, validate_only=validate_only)
    decoded: dict[str, object] = json.loads(raw)
    return decoded


def test_a_body_has_exactly_one_target_and_collapses_by_type_and_tag() -> None:
    assert _body(TargetKind.TOKEN, ttl=90.7) == {
        "message": {
            "token": "x",
            "notification": {"title": MESSAGE.title, "body": MESSAGE.body},
            "data": {"type": "sync_conflict", "id": str(ID), "link": f"techdengue://conflitos/{ID}"},
            "android": {
                "collapse_key": "sync_conflict",
                "priority": "HIGH",
                "ttl": "90s",
                "notification": {"tag": f"conflito/{ID}"},
            },
            "apns": {"headers": {"apns-collapse-id": f"conflito/{ID}", "apns-expiration": "1773144090"}},
        }
    }
    of_fid = _body(TargetKind.FID, validate_only=True)
    assert of_fid["validate_only"] is True
    assert isinstance(of_fid["message"], dict)
    assert {"fid", "token"} & of_fid["message"].keys() == {"fid"}


def _message(**changed: object) -> Message:
    fields = {"type": MessageType.NOTIFICATION, "tag": "t", "title": "T", "body": "B", "data": {}}
    return Message(**{**fields, **changed})  # type: ignore[arg-type]  # a test's own fields


@pytest.mark.parametrize(
    "changed",
    [
        {"body": "é" * 2048},
        {"data": {"k": "v" * 4096}},
        {"tag": "é" * 33},
        {"data": {"from": "x"}},
        {"data": {"message_type": "x"}},
        {"data": {"google.x": "x"}},
        {"data": {"": "x"}},
    ],
    ids=["long body", "long data", "long tag", "from", "message_type", "google.", "empty key"],
)
def test_what_fcm_would_refuse_is_not_sent(changed: dict[str, object]) -> None:
    with pytest.raises(MessageUnsendable):
        check(_message(**changed))


def test_a_message_of_exactly_4096_bytes_is_sent() -> None:
    empty = len(
        json.dumps(
            {"notification": {"title": "T", "body": ""}, "data": {"type": "notification"}}, separators=(",", ":")
        )
    )
    check(_message(body="b" * (4096 - empty)))
    with pytest.raises(MessageUnsendable):
        check(_message(body="b" * (4097 - empty)))


OUTCOMES = {
    Fault.UNREGISTERED: Outcome.UNREGISTERED,
    Fault.INVALID_TOKEN: Outcome.INVALID_TARGET,
    Fault.INVALID_FID: Outcome.INVALID_TARGET,
    Fault.INVALID_DATA: Outcome.REJECTED,
    Fault.SENDER_ID_MISMATCH: Outcome.SENDER_MISMATCH,
    Fault.QUOTA_EXCEEDED: Outcome.QUOTA,
    Fault.UNAVAILABLE: Outcome.UNAVAILABLE,
    Fault.INTERNAL: Outcome.UNAVAILABLE,
    Fault.BAD_GATEWAY: Outcome.UNAVAILABLE,
    Fault.THIRD_PARTY_AUTH_ERROR: Outcome.UNAUTHORIZED,
    Fault.UNAUTHENTICATED: Outcome.UNAUTHORIZED,
    Fault.FORBIDDEN: Outcome.UNAUTHORIZED,
    Fault.NOT_FOUND: Outcome.REJECTED,
    Fault.WRONG_SERVER: Outcome.UNAVAILABLE,
}


@pytest.mark.parametrize(("fault", "outcome"), OUTCOMES.items())
def test_every_answer_of_the_table_has_its_outcome(fault: Fault, outcome: Outcome) -> None:
    wire = wire_of(fault)
    assert wire is not None
    assert read_answer(wire[0], wire[1], wire[2], now=NOW).outcome is outcome


@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_answer_that_is_not_fcms_turns_a_target_off(status: int, raw: bytes) -> None:
    assert not read_answer(status, {}, raw, now=NOW).outcome.deactivates


def test_a_violation_of_another_field_beside_the_token_is_our_bug() -> None:
    raw = (
        b'{"error":{"status":"INVALID_ARGUMENT","details":[{"fieldViolations":'
        b'[{"field":"message.token"},{"field":"message.data"}]}]}}'
    )
    answer = read_answer(400, {}, raw, now=NOW)
    assert (answer.outcome, answer.fields) == (Outcome.REJECTED, ("message.token", "message.data"))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("Tue, 10 Mar 2026 12:01:30 GMT", 90),
        ("Tue, 10 Mar 2026 11:00:00 GMT", 0),
        ("86400", 86_400),
        ("999999999", 86_400),
        ("Tue, 10 Mar 2126 12:00:00 GMT", 86_400),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("9" * 30, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_heeded_of_a_day_at_most(value: str, seconds: int | None) -> None:
    told = retry_after(value, now=NOW)
    assert told == (None if seconds is None else dt.timedelta(seconds=seconds))


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.sampled_from([Outcome.QUOTA, Outcome.UNAVAILABLE]))
def test_a_pause_is_never_shorter_than_its_least_and_has_a_longest(attempt: int, chance: float, of: Outcome) -> None:
    least = dt.timedelta(seconds=60 if of is Outcome.QUOTA else 1)
    assert least <= pause(of, attempt=attempt, asked=None, chance=chance) <= LONGEST * 1.5


def test_pauses_double_and_chance_adds_up_to_half() -> None:
    pauses = [pause(Outcome.UNAVAILABLE, attempt=n, asked=None, chance=0.0).total_seconds() for n in range(1, 13)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    assert pause(Outcome.QUOTA, attempt=2, asked=None, chance=0.5) == dt.timedelta(seconds=150)


def test_retry_after_is_waited_for_in_full() -> None:
    asked = dt.timedelta(hours=2)
    assert pause(Outcome.UNAVAILABLE, attempt=1, asked=asked, chance=0.0) == asked


def test_the_pace_is_a_second_at_once_and_then_even() -> None:
    pacing = Pacing(600)
    places = [pacing.take(100.0) for _ in range(21)]
    assert places[:10] == [100.0] * 10
    assert places[10:] == pytest.approx([100.1 + n / 10 for n in range(11)])
    assert pacing.take(200.0) == 200.0


def test_a_pace_of_one_a_minute_sends_one_a_minute() -> None:
    pacing = Pacing(1)
    assert [pacing.take(0.0) for _ in range(3)] == [0.0, 60.0, 120.0]


def test_a_pause_holds_everything_back_until_it_is_over() -> None:
    pacing = Pacing(600)
    pacing.pause(130.0)
    pacing.pause(110.0)
    assert (pacing.paused(129.9), pacing.place(100.0), pacing.take(100.0)) == (True, 130.0, 130.0)
    assert not pacing.paused(130.0)


def _figures(activities: int = 0, evidence: int = 0, conflicts: int = 0, silent: int = 0) -> DayFigures:
    return DayFigures(activities=activities, evidence=evidence, open_conflicts=conflicts, silent_devices=silent)


@pytest.mark.parametrize(
    ("figures", "body"),
    [
        (_figures(), "Nenhuma atividade, nenhuma evidência e nenhum conflito aberto."),
        (_figures(1, 1, 1, 1), "1 atividade, 1 evidência, 1 conflito aberto e 1 dispositivo sem sincronizar."),
        (
            _figures(2, 1500, 3, 2),
            "2 atividades, 1.500 evidências, 3 conflitos abertos e 2 dispositivos sem sincronizar.",
        ),
    ],
)
def test_the_digest_speaks_portuguese(figures: DayFigures, body: str) -> None:
    message = texts.daily_digest(dt.date(2026, 3, 9), figures)
    assert (message.title, message.body) == ("Resumo de 09/03/2026", body)
    assert message.data == {"id": "2026-03-09", "link": "techdengue://resumo/2026-03-09"}


def test_every_message_of_ours_is_one_that_fcm_takes() -> None:
    for message in (
        texts.sync_conflict(ID, "evidencia"),
        texts.sync_conflict(ID, "denuncia"),
        texts.report_ready(ID, "EVD01"),
        texts.report_ready(ID, "OUTRO"),
        texts.daily_digest(dt.date(2026, 3, 9), _figures(10**9, 10**9, 10**9, 10**9)),
    ):
        check(message)
        assert message.data["link"].startswith("techdengue://")
