"""Messages of RFC 5424: its own examples, and whatever people type."""

import datetime as dt
import re
from pathlib import Path

import pytest

from techdengue.audit import Action, Recorded
from techdengue.audit.syslog import format_entry, format_message, frame

AT = dt.datetime(2003, 10, 11, 22, 14, 15, 3000, tzinfo=dt.UTC)
MESSAGE = re.compile(
    r"<(?P<pri>[1-9]?\d|1[0-8]\d|19[01])>1 "
    r"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)) "
    r"(?P<host>[\x21-\x7e]{1,255}) (?P<app>[\x21-\x7e]{1,48}) (?P<proc>[\x21-\x7e]{1,128}) "
    r"(?P<msgid>[\x21-\x7e]{1,32}) "
    r"(?P<data>-|(\[[^ =\]\"]{1,32}( [^ =\]\"]{1,32}=\"([^\"\\\]]|\\[\"\\\]])*\")*\])+)( (?P<text>.*))?",
    re.DOTALL,
)
"""The grammar of RFC 5424, 6."""


def entry(**more: object) -> Recorded:
    """An entry as it is in the trail."""
    said: dict[str, object] = {
        "audit_id": 4711,
        "at": AT,
        "user_id": "gestora",
        "role": "GESTOR",
        "device_id": None,
        "action": "read_entity",
        "target_type": "atividade",
        "target_id": "1",
        "municipios": ["5103403"],
        "address": "203.0.113.7",
        "request_id": "r-1",
        "outcome": "allowed",
        "status": 200,
        "code": None,
    }
    return Recorded(**(said | more))  # type: ignore[arg-type]  # one dictionary for fields of several types


def parameters(message: str) -> dict[str, str]:
    """The parameters of the message's structured data, unescaped as the RFC says."""
    matched = MESSAGE.fullmatch(message)
    assert matched is not None, message
    found = re.findall(r' ([^ =\]"]+)="((?:[^"\\\]]|\\["\\\]])*)"', matched["data"])
    return {name: re.sub(r'\\(["\\\]])', r"\1", value) for name, value in found}


def test_the_first_example_of_the_rfc() -> None:
    message = format_message(
        facility=4,
        severity=2,
        at=AT,
        hostname="mymachine.example.com",
        app="su",
        message_id="ID47",
        data={},
        text="'su root' failed for lonvick on /dev/pts/8",
    )
    assert message == (
        b"<34>1 2003-10-11T22:14:15.003000Z mymachine.example.com su - ID47 - "
        b"'su root' failed for lonvick on /dev/pts/8"
    )


def test_the_examples_of_the_rfc_with_structured_data() -> None:
    said = [("iut", "3"), ("eventSource", "Application"), ("eventID", "1011")]
    data = {"exampleSDID@32473": said, "examplePriority@32473": [("class", "high")]}
    message = format_message(
        facility=20,
        severity=5,
        at=AT,
        hostname="mymachine.example.com",
        app="evntslog",
        message_id="ID47",
        data=data,
    )
    assert message == (
        b"<165>1 2003-10-11T22:14:15.003000Z mymachine.example.com evntslog - ID47 "
        b'[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"][examplePriority@32473 class="high"]'
    )


def test_text_beyond_ascii_is_utf_8_and_says_so() -> None:
    message = format_message(
        facility=13, severity=6, at=AT, hostname="h", app="a", message_id="m", data={}, text="ocorrência"
    )
    assert message.endswith(b" - \xef\xbb\xbfocorr\xc3\xaancia")


def test_a_frame_begins_with_the_length_in_bytes() -> None:
    assert frame("é".encode()) == b"2 \xc3\xa9"


def test_an_entry_is_a_message_of_the_audit_facility_with_its_number() -> None:
    message = format_entry(entry(), hostname="worker-1", enterprise_id=32473).decode()
    matched = MESSAGE.fullmatch(message)
    assert matched is not None
    assert (matched["pri"], matched["host"], matched["app"]) == (str(13 * 8 + 6), "worker-1", "techdengue")
    assert (matched["msgid"], matched["text"]) == ("read_entity", "read_entity allowed")
    assert parameters(message) == {
        "id": "4711",
        "user": "gestora",
        "role": "GESTOR",
        "action": "read_entity",
        "type": "atividade",
        "target": "1",
        "municipios": "5103403",
        "address": "203.0.113.7",
        "request": "r-1",
        "outcome": "allowed",
        "status": "200",
    }


@pytest.mark.parametrize(("outcome", "severity"), [("allowed", 6), ("denied", 4), ("absent", 5), ("refused", 5)])
def test_a_denial_is_a_warning(outcome: str, severity: int) -> None:
    message = format_entry(entry(outcome=outcome), hostname="h", enterprise_id=1)
    assert message.startswith(b"<%d>1 " % (104 + severity))


@pytest.mark.parametrize("hostile", ['"', "\\", "]", '\\"]', "a] [b", "x=\\", "São José 🦟", '"][origin ip="1'])
def test_no_value_ends_its_parameter_or_its_element(hostile: str) -> None:
    message = format_entry(entry(target_id=hostile, user_id=hostile), hostname="h", enterprise_id=1).decode()
    assert parameters(message)["target"] == hostile
    assert parameters(message)["user"] == hostile


def test_a_host_without_a_name_is_a_dash() -> None:
    assert MESSAGE.fullmatch(format_entry(entry(), hostname="", enterprise_id=1).decode())
    assert b" worker1 techdengue " in format_entry(entry(), hostname="wor ker\n1", enterprise_id=1)


def test_every_action_is_in_the_page_on_the_trail() -> None:
    page = (Path(__file__).parents[2] / "docs/audit.md").read_text("utf-8")
    assert [action.value for action in Action if f"`{action.value}`" not in page] == []
