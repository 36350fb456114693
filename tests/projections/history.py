"""A small writer of histories: events appended as the intake appends them, without the intake."""

import datetime as dt
import random
from typing import Any

import asyncpg
import msgspec

from eventstore import AppendUnit, HeadChange, NewEvent, PostgresEventStore, WriterChange
from projections.naming import conflict_id
from projections.sql_statements import STATEMENTS
from techdengue.domain.operation import Choice, OperationKind, Outcome, Strategy
from techdengue.domain.payload import Metadata, Payload, encode
from techdengue.domain.times import from_micros, to_micros, to_rfc3339
from techdengue.domain.validation import stream_name
from techdengue.resolver import (
    ABSENT,
    CURRENT_RULE_SET,
    Operation,
    Rejection,
    Settlement,
    State,
    Verdict,
    document,
    encode_state,
    resolve,
)

CUIABA = "5103403"
SINOP = "5107909"
SORRISO = "5107925"

_START = to_micros(dt.datetime(2026, 1, 15, 12, tzinfo=dt.UTC))


class Written(msgspec.Struct, frozen=True):
    """What was appended: the event's place, and the state that it left."""

    tenant: str
    stream: str
    position: int
    event: NewEvent
    state: State
    outcome: Outcome


class Writer:
    """Appends one event at a time; `written` holds them by position, from 1."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.written: list[Written] = []
        self._states: dict[tuple[str, str], list[State]] = {}
        self._operations: dict[tuple[str, str, int], Operation] = {}
        self._clocks: dict[str, dt.datetime] = {}
        self._now = _START

    def states(self, entity_id: int | str, *, tenant: str = CUIABA, entity_type: str = "atividade") -> list[State]:
        """The stream's states by sequence, the absent one first."""
        return self._states.setdefault((tenant, stream_name(entity_type, entity_id)), [ABSENT])

    async def create(self, entity_id: int | str, device: str = "device-a", **more: Any) -> Written:
        """An atividade, unless `more` says otherwise."""
        more.setdefault("data", {"tipo": "VISTORIA", "municipio_cod_ibge": more.get("tenant", CUIABA)})
        return await self.operate(OperationKind.CREATE, entity_id, device, **more)

    async def update(
        self, entity_id: int | str, data: dict[str, Any], device: str = "device-a", **more: Any
    ) -> Written:
        """A merge patch."""
        return await self.operate(OperationKind.UPDATE, entity_id, device, data=data, **more)

    async def delete(self, entity_id: int | str, device: str = "device-a", **more: Any) -> Written:
        """A deletion."""
        return await self.operate(OperationKind.DELETE, entity_id, device, **more)

    async def operate(
        self,
        kind: OperationKind,
        entity_id: int | str,
        device: str,
        *,
        data: dict[str, Any] | None = None,
        tenant: str = CUIABA,
        entity_type: str = "atividade",
        strategy: Strategy = Strategy.LAST_WRITE_WINS,
        base_version: int | None = None,
        age: int = 0,
    ) -> Written:
        """Resolve and append one operation that was made `age` µs before it is received."""
        states = self.states(entity_id, tenant=tenant, entity_type=entity_type)
        self._now += 1_000_000
        key = f"key-{len(self.written) + 1}"
        operation = Operation(
            kind=kind,
            device=device,
            key=key,
            time=self._effective(device, self._now - age),
            received_at=self._now,
            data=data,
            strategy=strategy,
            base_version=base_version,
        )
        base = None if base_version is None or base_version >= len(states) else states[base_version]
        payload = Payload(
            entity_id=entity_id,
            client_timestamp=to_rfc3339(self._now - age),
            operation=kind,
            data=msgspec.UNSET if data is None else data,
            strategy=strategy,
            base_version=msgspec.UNSET if base_version is None else base_version,
        )
        stream = stream_name(entity_type, entity_id)
        self._operations[tenant, stream, len(states)] = operation
        return await self._append(tenant, stream, operation, payload, resolve(states[-1], operation, base))

    async def settle(
        self,
        parked: Written,
        choice: Choice,
        *,
        data: dict[str, Any] | None = None,
        note: str | None = None,
        user: str = "gestora",
    ) -> Written:
        """A person's resolution of a parked operation."""
        states = self._states[parked.tenant, parked.stream]
        operation = self._operations[parked.tenant, parked.stream, parked.event.sequence]
        self._now += 1_000_000
        device = f"console:{user}"
        settlement = Settlement(
            choice=choice,
            resolves=parked.event.sequence,
            parked=operation,
            device=device,
            key=f"key-{len(self.written) + 1}",
            time=self._effective(device, self._now),
            received_at=self._now,
            data=data,
        )
        payload = Payload(
            entity_id=parked.stream.partition("/")[2],
            client_timestamp=to_rfc3339(self._now),
            data=msgspec.UNSET if data is None else data,
            resolves=parked.event.sequence,
            choice=choice,
            note=msgspec.UNSET if note is None else note,
        )
        base = None if operation.base_version is None else states[operation.base_version]
        return await self._append(
            parked.tenant, parked.stream, settlement, payload, resolve(states[-1], settlement, base)
        )

    def _effective(self, device: str, time: int) -> int:
        previous = self._clocks.get(device)
        return time if previous is None else max(time, to_micros(previous) + 1)

    async def _append(
        self,
        tenant: str,
        stream: str,
        operation: Operation | Settlement,
        payload: Payload,
        result: tuple[State, Verdict] | Rejection,
    ) -> Written:
        assert not isinstance(result, Rejection), result.message
        state, verdict = result
        verb = "resolution" if isinstance(operation, Settlement) else operation.kind.value
        event = NewEvent(
            tenant=tenant,
            stream=stream,
            sequence=state.sequence,
            version=state.version,
            type=f"{stream.partition('/')[0]}.{verb}",
            writer=operation.device,
            key=operation.key,
            digest=b"digest",
            actor=f"user of {operation.device}",
            outcome=verdict.outcome.value,
            rule_set=CURRENT_RULE_SET,
            occurred_at=from_micros(operation.time),
            recorded_at=from_micros(operation.received_at),
            payload=encode(payload),
            metadata=encode(Metadata(conflict_type=verdict.conflict_type)),
        )
        async with self.connection.transaction():  # as the intake writes them: no rebuild may come between
            position = await self._write(event, state)
            written = Written(tenant, stream, position, event, state, verdict.outcome)
            await self._write_conflict(written, operation, verdict, payload)
        self._states.setdefault((tenant, stream), [ABSENT]).append(state)
        self._clocks[event.writer] = event.occurred_at
        self.written.append(written)
        return written

    async def _write(self, event: NewEvent, state: State) -> int:
        visible = document(state)
        assert state.last is not None
        head = HeadChange(
            tenant=event.tenant,
            stream=event.stream,
            expected=event.sequence - 1,
            sequence=state.sequence,
            version=state.version,
            updated_at=from_micros(state.last.time),
            recorded_at=event.recorded_at,
            state=encode_state(state),
            document=None if visible is None else msgspec.json.encode(visible),
        )
        clock = WriterChange(writer=event.writer, expected=self._clocks.get(event.writer), clock=event.occurred_at)
        appended = await PostgresEventStore(self.connection).append(
            [AppendUnit(events=(event,), heads=(head,), writers=(clock,))]
        )
        assert not appended.moved
        return appended.first_position

    async def _write_conflict(
        self, written: Written, operation: Operation | Settlement, verdict: Verdict, payload: Payload
    ) -> None:
        event = written.event
        if isinstance(operation, Settlement):
            await self.connection.execute(
                STATEMENTS["settle_conflict"],
                [conflict_id(event.tenant, operation.parked.device, operation.parked.key)],
                [event.sequence],
                [operation.choice.value],
                [event.actor],
                [event.recorded_at],
                [None if payload.note is msgspec.UNSET else payload.note],
            )
        elif verdict.outcome is Outcome.CONFLICT:
            assert verdict.conflict_type is not None
            await self.connection.execute(
                STATEMENTS["open_conflict"],
                [conflict_id(event.tenant, event.writer, event.key)],
                [event.tenant],
                [event.stream.partition("/")[0]],
                [event.stream.partition("/")[2]],
                [event.stream],
                [event.sequence],
                [verdict.conflict_type.value],
                [operation.strategy.value],
                [event.writer],
                [event.actor],
                [event.recorded_at],
            )


async def write_random_history(writer: Writer, *, events: int, seed: int) -> None:
    """Devices at work in three municípios: all strategies, stale bases, old work, conflicts settled four ways."""
    dice = random.Random(seed)  # noqa: S311 - a test's history, no secret
    entities: list[tuple[str, str, int]] = []
    parked: list[Written] = []
    while len(writer.written) < events:
        if parked and dice.random() < 0.5:
            choice = dice.choice(list(Choice))
            patch = {"descricao": "settled"} if choice is Choice.CUSTOM else None
            await writer.settle(parked.pop(0), choice, data=patch, note=dice.choice([None, "visto"]))
            continue
        device = f"device-{dice.randrange(4)}"
        if not entities or dice.random() < 0.25:
            place = (dice.choice([CUIABA, SINOP, SORRISO]), dice.choice(["atividade", "evidencia"]), len(entities))
            entities.append(place)
            tenant, entity_type, number = place
            await writer.create(
                number, device, tenant=tenant, entity_type=entity_type, data=_document(dice, tenant, entity_type)
            )
            continue
        tenant, entity_type, number = dice.choice(entities)
        version = writer.states(number, tenant=tenant, entity_type=entity_type)[-1].version
        kind = dice.choice([OperationKind.UPDATE] * 6 + [OperationKind.DELETE, OperationKind.CREATE])
        written = await writer.operate(
            kind,
            number,
            device,
            data=None if kind is OperationKind.DELETE else _document(dice, tenant, entity_type),
            tenant=tenant,
            entity_type=entity_type,
            strategy=dice.choice(list(Strategy)),
            base_version=dice.choice([None, version, dice.randrange(version + 1)]),
            age=dice.choice([0, 500_000, 60_000_000]),
        )
        if written.outcome is Outcome.CONFLICT:
            parked.append(written)


def _document(dice: random.Random, tenant: str, entity_type: str) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "atividade": {
            "tipo": "VISTORIA",
            "municipio_cod_ibge": tenant,
            "status": dice.choice(["CRIADA", "EM_ANDAMENTO", "CONCLUIDA", "CANCELADA"]),
            "localizacao": {"type": "Point", "coordinates": [-56.1, -15.6]},
            "iniciado_em": "2026-01-15T08:00:00-04:00",
            "descricao": dice.choice(["água parada", None, "😀"]),
            "metadata": dice.choice([{"larvas": dice.randrange(9)}, {"depositos": [1, 2.5, "A2"]}, {"a": {}}]),
        },
        "evidencia": {
            "atividade_id": 1,
            "tipo": "FOTO",
            "status": dice.choice(["PENDENTE", "UPLOADING", "CONCLUIDA"]),
            "tamanho_bytes": dice.randrange(1, 10_000),
            "hash_sha256": "0" * 64,
        },
    }[entity_type]
    names = dice.sample(sorted(fields), dice.randrange(1, len(fields) + 1))
    return {name: fields[name] for name in names}
