"""The files of evidence: how they come into the object store, how they are verified, and how they are read."""

from .errors import (
    AlreadyVerified,
    EvidenceDeleted,
    EvidenceError,
    FileDeleted,
    FileRefused,
    NoSuchEvidence,
    NoSuchFile,
    TooLarge,
    UploadIncomplete,
    UploadNotBegun,
    UploadOfAnother,
    UploadOutdated,
)
from .model import MissingPart, PartThere, Place, Upload, UploadState, Verification
from .uploads import Evidence

__all__ = [
    "AlreadyVerified",
    "Evidence",
    "EvidenceDeleted",
    "EvidenceError",
    "FileDeleted",
    "FileRefused",
    "MissingPart",
    "NoSuchEvidence",
    "NoSuchFile",
    "PartThere",
    "Place",
    "TooLarge",
    "Upload",
    "UploadIncomplete",
    "UploadNotBegun",
    "UploadOfAnother",
    "UploadOutdated",
    "UploadState",
    "Verification",
]
