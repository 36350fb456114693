"""Rows of `eventstore.event`, joined to something else, back into events."""

from typing import Any

from eventstore import RecordedEvent


def recorded_event(row: Any, *, tenant: str, stream: str, sequence: int) -> RecordedEvent:
    """The event of a row that carries the event's other columns under their own names."""
    return RecordedEvent(
        lane=row["lane"],
        position=row["position"],
        tenant=tenant,
        stream=stream,
        sequence=sequence,
        version=row["version"],
        type=row["type"],
        writer=row["writer"],
        key=row["key"],
        digest=row["digest"],
        actor=row["actor"],
        outcome=row["outcome"],
        rule_set=row["rule_set"],
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
        payload=row["payload"],
        metadata=row["metadata"],
    )
