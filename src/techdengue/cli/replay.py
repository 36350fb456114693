"""`techdengue replay`: an entity's history, folded anew from the log, and the state that it gives."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .environment import server_settings
from .errors import CommandFailed, ExitCode
from .output import put, put_json, table

if TYPE_CHECKING:
    from projections.model import EntityAsOf, HistoryEvent
    from projections.queries import Cut

PAGE = 1000
Told = tuple[list["HistoryEvent"], "EntityAsOf"]


def replay(
    entity_type: Annotated[str, typer.Argument(metavar="TYPE", help="atividade or evidencia.")],
    entity_id: Annotated[str, typer.Argument(metavar="ID", help="The entity's id.")],
    municipio: Annotated[
        str | None, typer.Option(metavar="CODE", help="Its município, where the id exists in several.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Stop after this position of the log, or at this time (with an offset).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Print every event of one entity with what it changed, and the state that they leave.

    The events are read from the log and resolved again, each by the rules of its time; one that does not give what
    was recorded is exit code 1. It reads the database itself: the API need not run.

    \b
    Examples:
      techdengue replay atividade 1
      techdengue replay atividade 1 --as-of 1200
      techdengue replay atividade 1 --as-of 2026-03-01T12:00:00-04:00 --json
    """
    from projections.errors import ReplayDiverged, SeveralEntities  # lazy: see app.py

    from .database import run

    _check_type(entity_type)
    url = server_settings().database_url
    try:
        told = run(_read(url, entity_type, entity_id, municipio, _cut(as_of)), url)
    except SeveralEntities as error:
        raise CommandFailed(
            f"{error}: {', '.join(error.municipios)}", do="Say --municipio CODE.", code=ExitCode.USAGE
        ) from error
    except ReplayDiverged as error:
        raise CommandFailed(f"the log does not replay as it was recorded: {error}") from error
    if told is None:
        where = f" in {municipio}" if municipio else ""
        if as_of is None:
            raise CommandFailed(f"there is no {entity_type} {entity_id}{where} in the log", do="Check the id.")
        raise CommandFailed(f"there is no {entity_type} {entity_id}{where} at that point", do="Check id and --as-of.")
    _show(told, as_json=as_json)


def _check_type(entity_type: str) -> None:
    from techdengue.domain.registry import ENTITY_TYPES  # lazy: see app.py

    if entity_type not in ENTITY_TYPES:
        raise CommandFailed(
            f"there is no entity type {entity_type!r}; there are {' and '.join(ENTITY_TYPES)}", code=ExitCode.USAGE
        )


async def _read(url: str, entity_type: str, entity_id: str, municipio: str | None, cut: "Cut") -> Told | None:
    from projections.queries import entity_as_of, history, territory

    from .database import connected

    async with connected(url, "techdengue_reader") as connection, territory(connection, frozenset("*")) as reader:
        state = await entity_as_of(reader, entity_type, entity_id, municipio=municipio, cut=cut, provenance=True)
        if state is None:
            return None
        events: list[HistoryEvent] = []
        cursor = None
        while page := await history(reader, entity_type, entity_id, municipio=municipio, cursor=cursor, limit=PAGE):
            events += page.items
            if (cursor := page.next_cursor) is None:
                break
    return [event for event in events if event.sequence <= state.sequence], state


def _cut(as_of: str | None) -> "Cut":
    from projections.queries import NOW, Cut

    if as_of is None:
        return NOW
    if as_of.isdecimal():
        return Cut(position=int(as_of))
    try:
        time = dt.datetime.fromisoformat(as_of)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise CommandFailed(
            f"{as_of!r} is neither a position nor a time with an offset",
            do="Write it like 1200 or 2026-03-01T12:00:00-04:00.",
            code=ExitCode.USAGE,
        )
    return Cut(time=time)


def _show(told: Told, *, as_json: bool) -> None:
    import msgspec

    events, state = told
    if as_json:
        put_json({"events": events, "state": state})
        return
    table(["seq", "position", "received", "device", "operation", "outcome", "version", "changed"], _rows(events))
    put("")
    put(f"{state.entity_type} {state.entity_id} in {state.municipio_cod_ibge}, version {state.version}")
    put("deleted" if state.deleted else msgspec.json.format(msgspec.json.encode(state.data), indent=2).decode())


def _rows(events: "list[HistoryEvent]") -> list[list[str]]:
    return [
        [
            str(event.sequence),
            str(event.position),
            event.received_at,
            event.device_id,
            event.operation or f"resolution of {event.resolves}: {event.choice}",
            " ".join(filter(None, [event.outcome, _in_brackets(event)])),
            str(event.version),
            ", ".join(f"{change.path}={_short(change.after)}" for change in event.diff) or "-",
        ]
        for event in events
    ]


def _in_brackets(event: "HistoryEvent") -> str:
    return f"({event.conflict_type}, {event.strategy})" if event.conflict_type else ""


def _short(value: Any) -> str:
    import msgspec

    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 40 else f"{text[:39]}…"
