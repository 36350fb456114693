"""One finding of the server against the working set: written into the document and sealed (docs/resolution.md)."""

import hashlib
from typing import Any

import msgspec
from msgspec import UNSET

from eventstore import NewEvent
from jobs.outbox import evidence_verified
from techdengue.domain.operation import OperationKind, Strategy
from techdengue.domain.payload import Metadata, Payload, encode
from techdengue.domain.times import from_micros, to_rfc3339
from techdengue.resolver import CURRENT_RULE_SET, Operation, Rejection, State, document, resolve

from .decision import Decision, Verified
from .errors import SealRefused
from .jobs import SealJob
from .model import Sealed
from .timing import time_of
from .working import Working


def decide_seal(job: SealJob, working: Working) -> Decision:
    """Decide a finding. Raises SealRefused."""
    decision = Decision()
    seal = job.seal
    known = [event for event in working.known(job.device, seal.key) if event.tenant == seal.municipio]
    if known:
        decision.sealed = Sealed(version=known[0].version, at=to_rfc3339(known[0].recorded_at), already_processed=True)
        return decision
    entity = working.entity(job.place)
    decision.places.add(job.place)
    before = entity.state
    shown = document(before)
    _check(shown, seal.expected)
    if _holds(before, shown or {}, seal.data, seal.seals):
        decision.sealed = Sealed(version=before.version, at=to_rfc3339(before.received_at), already_processed=True)
        _mark(decision, job, job.received_at)
        return decision
    operation = _operation(job, before, working)
    result = resolve(before, operation)
    if isinstance(result, Rejection):
        raise SealRefused(result.message)
    after, verdict = result
    event = _event(job, operation, after, verdict.outcome.value)
    entity.advance(after, len(event.payload))
    working.set_clock(job.device, operation.time)
    decision.clock = event.occurred_at
    decision.events.append(event)
    _mark(decision, job, operation.received_at)
    decision.sealed = Sealed(version=after.version, at=to_rfc3339(operation.received_at))
    return decision


def _check(shown: dict[str, Any] | None, expected: dict[str, tuple[Any, ...]]) -> None:
    if shown is None:
        raise SealRefused("it was deleted meanwhile")
    for field, values in expected.items():
        if shown.get(field) not in values:
            raise SealRefused(f"its {field} was changed meanwhile", field=field)


def _holds(state: State, shown: dict[str, Any], data: dict[str, Any], seals: dict[str, tuple[Any, ...]]) -> bool:
    """Whether all of it is in the document already, and sealed."""
    return state.seals.keys() >= seals.keys() and all(shown.get(name) == value for name, value in data.items())


def _operation(job: SealJob, before: State, working: Working) -> Operation:
    received_at = max(job.received_at, before.received_at)
    time, _ = time_of(
        client_time=received_at,
        received_at=received_at,
        sent_at=None,
        request_received_at=job.received_at,
        device=job.device,
        base=before,
        working=working,
    )
    return Operation(
        kind=OperationKind.UPDATE,
        device=job.device,
        key=job.seal.key,
        time=time,
        received_at=received_at,
        data=job.seal.data,
        strategy=Strategy.CLIENT_WINS,
        base_version=before.version,
        seals=job.seal.seals,
    )


def _event(job: SealJob, operation: Operation, after: State, outcome: str) -> NewEvent:
    seal = job.seal
    payload = Payload(
        entity_id=seal.entity_id,
        client_timestamp=to_rfc3339(operation.received_at),
        operation=operation.kind,
        data=seal.data,
        strategy=operation.strategy,
        base_version=UNSET if operation.base_version is None else operation.base_version,
        seals=seal.seals,
    )
    return NewEvent(
        tenant=seal.municipio,
        stream=job.place[1],
        sequence=after.sequence,
        version=after.version,
        type=f"{seal.entity_type}.{operation.kind.value}",
        writer=job.device,
        key=seal.key,
        digest=hashlib.sha256(msgspec.json.encode((seal.key, seal.data, seal.seals), order="deterministic")).digest(),
        actor=job.caller.user,
        outcome=outcome,
        rule_set=CURRENT_RULE_SET,
        occurred_at=from_micros(operation.time),
        recorded_at=from_micros(operation.received_at),
        payload=encode(payload),
        metadata=encode(Metadata(role=job.caller.role.value)),
    )


def _mark(decision: Decision, job: SealJob, at: int) -> None:
    """What is written beside the event, or where there is none to write, for a file that was uploaded anew."""
    seal, user = job.seal, job.caller.user
    decision.verified.append(
        Verified(
            municipio=seal.municipio,
            evidencia_id=str(seal.entity_id),
            object_key=seal.object_key,
            sniffed_type=seal.sniffed_type,
            verified_by=user,
            verified_at=from_micros(at),
        )
    )
    decision.following.append(
        evidence_verified(str(seal.entity_id), seal.object_key, municipio=seal.municipio, user=user)
    )
