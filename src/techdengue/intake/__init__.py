"""The intake: operations in, outcomes out; the only writer of the log."""

from .errors import (
    AnswerTooLarge,
    ConflictAlreadyResolved,
    ConflictNotFound,
    DeviceTaken,
    IntakeError,
    Overloaded,
    ResolutionRefused,
    SealRefused,
    Unavailable,
)
from .model import Batch, Malformed, Parked, Refusal, Resolution, Resolved, Seal, Sealed, Success, SyncAnswer
from .service import Intake

__all__ = [
    "AnswerTooLarge",
    "Batch",
    "ConflictAlreadyResolved",
    "ConflictNotFound",
    "DeviceTaken",
    "Intake",
    "IntakeError",
    "Malformed",
    "Overloaded",
    "Parked",
    "Refusal",
    "Resolution",
    "ResolutionRefused",
    "Resolved",
    "Seal",
    "SealRefused",
    "Sealed",
    "Success",
    "SyncAnswer",
    "Unavailable",
]
