"""An entry of the trail as a syslog message (RFC 5424), framed by its length (RFC 6587, 3.4.1; RFC 5425, 4.3).

The entry's number is the parameter `id`: a collector that gets a message twice knows it by that.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Final

from .model import Outcome, Recorded

FACILITY_AUDIT: Final = 13
"""`log audit` of RFC 5424, table 1."""
_SEVERITY: Final = {Outcome.ALLOWED.value: 6, Outcome.DENIED.value: 4}
"""Informational, and a warning; anything else is a notice."""
_NOTICE: Final = 5
_APP: Final = "techdengue"
_ESCAPED: Final = re.compile(r'(["\\\]])')
_NAMED: Final = re.compile(r"[^\x21-\x7e]")


def frame(message: bytes) -> bytes:
    """The message with its length before it."""
    return b"%d %s" % (len(message), message)


def format_entry(entry: Recorded, *, hostname: str, enterprise_id: int) -> bytes:
    """The message of an entry; `hostname` is of the sender, `enterprise_id` its number at IANA."""
    said = {
        "id": str(entry.audit_id),
        "user": entry.user_id,
        "role": entry.role,
        "device": entry.device_id,
        "action": entry.action,
        "type": entry.target_type,
        "target": entry.target_id,
        "municipios": ",".join(entry.municipios),
        "address": entry.address,
        "request": entry.request_id,
        "outcome": entry.outcome,
        "status": str(entry.status),
        "code": entry.code,
    }
    return format_message(
        facility=FACILITY_AUDIT,
        severity=_SEVERITY.get(entry.outcome, _NOTICE),
        at=entry.at,
        hostname=hostname,
        app=_APP,
        message_id=entry.action,
        data={f"audit@{enterprise_id}": [(name, value) for name, value in said.items() if value]},
        text=f"{entry.action} {entry.outcome}",
    )


def format_message(
    *,
    facility: int,
    severity: int,
    at: dt.datetime,
    hostname: str,
    app: str,
    message_id: str,
    data: Mapping[str, Iterable[tuple[str, str]]],
    text: str = "",
) -> bytes:
    """A message of RFC 5424, 6. `data` holds the parameters of each SD-ID; text beyond ASCII is marked by a BOM."""
    when = at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    elements = "".join(f"[{name}{''.join(map(_parameter, said))}]" for name, said in data.items())
    head = f"<{facility * 8 + severity}>1 {when} {_name(hostname, 255)} {_name(app, 48)} - {_name(message_id, 32)}"
    mark = "" if text.isascii() else "\ufeff"
    return f"{head} {elements or '-'}{f' {mark}{text}' if text else ''}".encode()


def _parameter(said: tuple[str, str]) -> str:
    name, value = said
    return f' {name}="{_ESCAPED.sub(_BEFORE, value)}"'


_BEFORE: Final = r"\\\1"


def _name(text: str, longest: int) -> str:
    """A field of the head: printable ASCII without spaces, `-` for none."""
    return _NAMED.sub("", text)[:longest] or "-"
