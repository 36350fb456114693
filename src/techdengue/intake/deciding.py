"""One batch against the working set: the resolver's verdict on each operation, in the order sent."""

from typing import Any

import msgspec
from msgspec import UNSET

from eventstore import NewEvent
from jobs.outbox import atividade_completed, conflict_parked
from projections.naming import conflict_id
from techdengue.domain.operation import ErrorCode, Outcome
from techdengue.domain.payload import Metadata, Payload, encode
from techdengue.domain.times import from_micros
from techdengue.domain.validation import InvalidOperation, ValidOperation
from techdengue.resolver import CURRENT_RULE_SET, Created, Operation, Rejection, State, Verdict, underlying
from techdengue.resolver import resolve_lazily as resolve

from .answers import parked_of, refusal_of, repeat_of, shown_bytes, success_of
from .completing import completes
from .decision import Decision, Opened
from .errors import AnswerTooLarge
from .jobs import BatchJob
from .locating import Elsewhere, locate
from .model import Answer, Refusal
from .snapshot import Known
from .tally import tally_of
from .timing import time_of
from .working import Entity, Working

LARGEST_STATE = 1024 * 1024
"""Bytes that one entity's state may reach; an operation that would go beyond is refused, unless it only deletes."""
LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of documents that the answers of one batch may show: each conflict on a large entity shows all of it."""


def decide_batch(job: BatchJob, working: Working) -> Decision:
    """Decide every operation of a batch, and leave in the working set what it does. Raises AnswerTooLarge."""
    decision = Decision()
    shown = 0
    for index, entry in enumerate(job.entries):
        if isinstance(entry, Refusal):
            decision.answers.append(entry)
            continue
        answer = _answer(job, index, entry, working, decision)
        decision.answers.append(answer)
        shown += shown_bytes(answer)
        if shown > LARGEST_ANSWER:
            raise AnswerTooLarge(most=LARGEST_ANSWER)
    decision.tally = tally_of(decision.answers)
    return decision


def _answer(job: BatchJob, index: int, valid: ValidOperation, working: Working, decision: Decision) -> Answer:
    repeated = _find_recorded(job, valid, working)
    if isinstance(repeated, Known):
        return _answer_known(job, index, valid, repeated, working)
    try:
        tenant = locate(valid, job.caller, working)
    except Elsewhere as reason:
        return refusal_of(valid, index, reason.code, reason.message, reason.path)
    if valid.parent is not None:
        decision.places.add((tenant, valid.parent))
    decision.places.add((tenant, valid.stream))
    before = working.answered(tenant, job.device, valid.key)
    if before is not None:
        digest, answer = before
        return _answer_again(index, valid, digest, answer)
    return _decide(job, index, valid, tenant, working, decision)


def _find_recorded(job: BatchJob, valid: ValidOperation, working: Working) -> Known | None:
    """The event that this key names already, in the município that the operation means."""
    for known in working.known(job.device, valid.key):
        if job.caller.may_touch(known.tenant) and valid.municipio in (None, known.tenant):
            return known
    return None


def _answer_known(job: BatchJob, index: int, valid: ValidOperation, known: Known, working: Working) -> Answer:
    if known.digest != valid.digest:
        return _reused(valid, index)
    return repeat_of(valid, job.device, known, working.past((known.tenant, known.stream)))


def _answer_again(index: int, valid: ValidOperation, digest: bytes, answer: Answer) -> Answer:
    if digest != valid.digest or isinstance(answer, Refusal):
        return _reused(valid, index)
    return msgspec.structs.replace(answer, already_processed=True, entity_id=valid.entity_id)


def _reused(valid: ValidOperation, index: int) -> Refusal:
    message = "this idempotency_key names another operation of this device already; use a new key"
    return refusal_of(valid, index, ErrorCode.IDEMPOTENCY_KEY_REUSED, message, "/idempotency_key")


def _decide(
    job: BatchJob, index: int, valid: ValidOperation, tenant: str, working: Working, decision: Decision
) -> Answer:
    entity = working.entity((tenant, valid.stream))
    before = entity.state
    if before.version and _touches_fixed(valid):
        try:
            valid.entity_type.check_fixed(underlying(before), valid.data or {})
        except InvalidOperation as error:
            return refusal_of(valid, index, error.code, error.message, error.path)
    base = _base_of(valid, entity)
    received_at = max(job.received_at, before.received_at) if before.sequence else job.received_at
    time, warnings = time_of(
        client_time=valid.client_time,
        received_at=received_at,
        sent_at=job.batch.sent_at,
        request_received_at=job.received_at,
        device=job.device,
        base=base,
        working=working,
    )
    operation = Operation(
        kind=valid.kind,
        device=job.device,
        key=valid.key,
        time=time,
        received_at=received_at,
        data=valid.data,
        strategy=valid.strategy,
        base_version=valid.base_version,
    )
    result = resolve(before, operation, base)
    if isinstance(result, Rejection):
        path = "/base_version" if result.code is ErrorCode.UNKNOWN_BASE_VERSION else None
        return refusal_of(valid, index, result.code, result.message, path)
    after, verdict = result
    data = None if valid.data is None else msgspec.json.encode(valid.data)
    event = _event(job, valid, tenant, operation, after, verdict, data, warnings)
    if data is not None and entity.size + len(event.payload) > LARGEST_STATE:
        message = f"this entity would grow beyond {LARGEST_STATE:,} bytes; start a new one"
        return refusal_of(valid, index, ErrorCode.INVALID_DATA, message, "/data")
    decided = _Decided(tenant, entity, event, data, time, base, after, verdict, warnings)
    return _record(job, valid, working, decision, decided)


class _Decided(msgspec.Struct, frozen=True):
    tenant: str
    entity: Entity
    event: NewEvent
    data: bytes | None
    time: int
    base: State | None
    after: State | Created
    verdict: Verdict
    warnings: tuple[str, ...]


def _record(job: BatchJob, valid: ValidOperation, working: Working, decision: Decision, decided: _Decided) -> Answer:
    before = decided.entity.state
    decided.entity.advance(decided.after, len(decided.event.payload), decided.data)
    if before.sequence == 0:
        working.created((decided.tenant, valid.stream))
    decision.events.append(decided.event)
    decision.clock = decided.event.occurred_at
    working.set_clock(job.device, decided.time)
    conflict = decided.verdict.conflict_type
    answer: Answer
    if conflict is not None and decided.verdict.outcome is Outcome.CONFLICT:
        answer = parked_of(valid, decided.tenant, job.device, before, conflict, decided.base, decided.warnings)
        opened = _opened(decided, valid)
        decision.opened.append(opened)
        following = conflict_parked(opened.conflict_id, municipio=decided.tenant, user=decided.event.actor)
        decision.following.append(following)
    else:
        if completes(valid.entity_type.name, valid.data, before, decided.after):
            decision.following.append(
                atividade_completed(
                    str(valid.entity_id), decided.after.version, municipio=decided.tenant, user=decided.event.actor
                )
            )
        answer = success_of(valid, decided.after, decided.verdict.outcome, conflict, decided.warnings)
    working.remember(decided.tenant, job.device, valid.key, valid.digest, answer)
    return answer


def _touches_fixed(valid: ValidOperation) -> bool:
    """Whether the operation assigns a field that never changes after the create."""
    return valid.data is not None and not valid.data.keys().isdisjoint(valid.entity_type.fixed_fields)


def _base_of(valid: ValidOperation, entity: Entity) -> State | None:
    """The state at the operation's `base_version`; None without one, or where it is unknown (and will be refused)."""
    if valid.base_version is None or valid.base_version > entity.state.version:
        return None
    return entity.at(valid.base_version)


def _event(
    job: BatchJob,
    valid: ValidOperation,
    tenant: str,
    operation: Operation,
    after: State | Created,
    verdict: Verdict,
    data: bytes | None,
    warnings: tuple[str, ...],
) -> NewEvent:
    encoded: Any = UNSET if data is None else msgspec.Raw(data)  # what is encoded already is taken as it is
    payload = Payload(
        entity_id=valid.entity_id,
        client_timestamp=valid.client_timestamp,
        operation=valid.kind,
        data=encoded,
        strategy=valid.strategy,
        base_version=UNSET if valid.base_version is None else valid.base_version,
    )
    noted = Metadata(conflict_type=verdict.conflict_type, batch_id=job.batch.batch_id, warnings=warnings)
    return NewEvent(
        tenant=tenant,
        stream=valid.stream,
        sequence=after.sequence,
        version=after.version,
        type=f"{valid.entity_type.name}.{valid.kind._value_}",  # as `.value`, without the two calls that it takes
        writer=job.device,
        key=valid.key,
        digest=valid.digest,
        actor=job.caller.user,
        outcome=verdict.outcome._value_,
        rule_set=CURRENT_RULE_SET,
        occurred_at=from_micros(operation.time),
        recorded_at=from_micros(operation.received_at),
        payload=encode(payload),
        metadata=encode(noted),
    )


def _opened(decided: _Decided, valid: ValidOperation) -> Opened:
    return Opened(
        conflict_id=str(conflict_id(decided.tenant, decided.event.writer, valid.key)),
        event=decided.event,
        entity_type=valid.entity_type.name,
        entity_id=str(valid.entity_id),
        conflict_type=decided.verdict.conflict_type.value if decided.verdict.conflict_type else "",
        strategy=valid.strategy.value,
    )
