"""One person's resolution of a parked conflict against the working set (resolution.md, "Manual")."""

import hashlib
from typing import Final

import msgspec
from msgspec import UNSET

from eventstore import NewEvent, RecordedEvent
from jobs.outbox import atividade_completed
from projections.naming import rfc3339, split_stream
from projections.replay import operation_of
from techdengue.domain.operation import Choice, ErrorCode
from techdengue.domain.payload import Metadata, Payload, decode_payload, encode
from techdengue.domain.registry import ENTITY_TYPES
from techdengue.domain.times import from_micros, to_rfc3339
from techdengue.domain.validation import InvalidOperation, validate_patch
from techdengue.resolver import CURRENT_RULE_SET, Operation, Rejection, Settlement, State, barred, resolve, underlying

from .completing import completes
from .decision import Decision, Settled
from .errors import ConflictNotFound, ResolutionRefused
from .jobs import SettlementJob
from .model import Resolved
from .snapshot import Known
from .timing import time_of
from .working import Working

_COULD_COMPLETE: Final = {"status": "CONCLUIDA"}
"""What a resolution applies may be the parked operation's or the person's: so its documents are always compared."""


class AlreadySettled(Exception):
    """The parked operation is no longer open; who settled it is in the conflict's row once that is committed."""


def decide_settlement(job: SettlementJob, parked: RecordedEvent | None, working: Working) -> Decision:
    """Decide a resolution. Raises AlreadySettled, ResolutionRefused, ConflictNotFound."""
    decision = Decision()
    known = [event for event in working.known(job.device, job.resolution.idempotency_key) if event.tenant == job.tenant]
    if known:
        decision.resolved = _repeat(job, known[0])
        return decision
    if parked is None:
        raise ConflictNotFound
    place = (job.tenant, job.stream)
    entity = working.entity(place)
    decision.places.add(place)
    payload = decode_payload(parked.payload)
    settlement = _settlement(job, parked, payload, working, entity.state)
    base_version = settlement.parked.base_version
    base = None if base_version is None else entity.at(base_version)
    result = resolve(entity.state, settlement, base)
    if isinstance(result, Rejection):
        raise AlreadySettled
    after, verdict = result
    event = _event(job, payload, settlement, after, verdict.outcome.value)
    entity_type, entity_id = split_stream(job.stream)
    if completes(entity_type, _COULD_COMPLETE, entity.state, after):
        completed = atividade_completed(entity_id, after.version, municipio=job.tenant, user=job.caller.user)
        decision.following.append(completed)
    entity.advance(after, len(event.payload))
    working.set_clock(job.device, settlement.time)
    decision.clock = event.occurred_at
    decision.events.append(event)
    note = None if job.resolution.note is UNSET else job.resolution.note
    decision.settled.append(
        Settled(conflict_id=job.conflict_id, event=event, choice=job.resolution.choice.value, note=note)
    )
    decision.resolved = _resolved(job, rfc3339(event.recorded_at), after.version)
    return decision


def check_resolution(job: SettlementJob) -> None:
    """Whether the resolution is acceptable in itself. Raises ResolutionRefused."""
    resolution = job.resolution
    custom = resolution.choice is Choice.CUSTOM
    if custom and resolution.data is UNSET:
        raise ResolutionRefused(
            code=ErrorCode.INVALID_DATA, message="a custom resolution needs data: a merge patch", path="/data"
        )
    if not custom and resolution.data is not UNSET:
        raise ResolutionRefused(
            code=ErrorCode.INVALID_DATA, message="only a custom resolution carries data", path="/data"
        )
    if resolution.data is not UNSET:
        entity_type = ENTITY_TYPES[split_stream(job.stream)[0]]
        try:
            validate_patch(entity_type, resolution.data, creating=False)
        except InvalidOperation as error:
            raise ResolutionRefused(code=error.code, message=error.message, path=error.path) from error


def _settlement(
    job: SettlementJob, parked: RecordedEvent, payload: Payload, working: Working, state: State
) -> Settlement:
    received_at = max(job.received_at, state.received_at)
    time, _ = time_of(
        client_time=received_at,
        received_at=received_at,
        sent_at=None,
        request_received_at=job.received_at,
        device=job.device,
        base=None,
        working=working,
    )
    operation: Operation = operation_of(parked, payload)
    data = None if job.resolution.data is UNSET else job.resolution.data
    if data is not None:
        _check_fixed(job, state, data)
    return Settlement(
        choice=job.resolution.choice,
        resolves=job.sequence,
        parked=operation,
        device=job.device,
        key=job.resolution.idempotency_key,
        time=time,
        received_at=received_at,
        data=data,
    )


def _check_fixed(job: SettlementJob, state: State, patch: dict[str, object]) -> None:
    if sealed := barred(state, patch):
        message = f"{sealed[0]} was sealed by the server and cannot be changed; leave it out"
        raise ResolutionRefused(code=ErrorCode.INVALID_DATA, message=message, path=f"/data/{sealed[0]}")
    try:
        ENTITY_TYPES[split_stream(job.stream)[0]].check_fixed(underlying(state), patch)
    except InvalidOperation as error:
        raise ResolutionRefused(code=error.code, message=error.message, path=error.path) from error


def _event(job: SettlementJob, parked: Payload, settlement: Settlement, after: State, outcome: str) -> NewEvent:
    payload = Payload(
        entity_id=parked.entity_id,
        client_timestamp=to_rfc3339(settlement.received_at),
        data=UNSET if settlement.data is None else settlement.data,
        resolves=job.sequence,
        choice=job.resolution.choice,
        note=job.resolution.note,
    )
    return NewEvent(
        tenant=job.tenant,
        stream=job.stream,
        sequence=after.sequence,
        version=after.version,
        type=f"{split_stream(job.stream)[0]}.resolution",
        writer=job.device,
        key=settlement.key,
        digest=digest_of(job),
        actor=job.caller.user,
        outcome=outcome,
        rule_set=CURRENT_RULE_SET,
        occurred_at=from_micros(settlement.time),
        recorded_at=from_micros(settlement.received_at),
        payload=encode(payload),
        metadata=encode(Metadata()),
    )


def digest_of(job: SettlementJob) -> bytes:
    """What this resolution's key names: the conflict and the decision, whatever the order of keys."""
    content = (job.conflict_id, job.resolution)
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).digest()


def _repeat(job: SettlementJob, known: Known) -> Resolved:
    if known.digest != digest_of(job):
        raise ResolutionRefused(
            code=ErrorCode.IDEMPOTENCY_KEY_REUSED,
            message="this idempotency key names another decision of yours already; use a new key",
            path="/idempotency_key",
        )
    resolved = _resolved(job, to_rfc3339(known.recorded_at), known.version)
    return msgspec.structs.replace(resolved, already_processed=True)


def _resolved(job: SettlementJob, at: str, version: int) -> Resolved:
    return Resolved(
        conflict_id=job.conflict_id,
        choice=job.resolution.choice,
        resolved_by=job.caller.user,
        resolved_at=at,
        version=version,
        note=job.resolution.note,
    )
