"""Why a call about a file could not do what was asked.

EvidenceError
├── NoSuchEvidence     no such evidencia in the caller's territory
├── EvidenceDeleted    the evidencia was deleted
├── TooLarge           its tipo does not allow a file of this size
├── UploadNotBegun     no upload is on its way: begin one
├── UploadIncomplete   parts are missing
├── UploadOutdated     the evidencia says another size, hash or type than when the upload began
├── UploadOfAnother    another user began it: only VIGILANCIA and above give it up
├── FileRefused        what was sent is not what the evidencia says
├── AlreadyVerified    the file was verified: there is nothing to give up
├── NoSuchFile         no verified file (or no thumbnail) is there
└── FileDeleted        its bytes were removed
"""


class EvidenceError(Exception):
    """A call about a file could not do what was asked."""


class NoSuchEvidence(EvidenceError):
    """No such evidencia in the caller's territory."""


class EvidenceDeleted(EvidenceError):
    """The evidencia was deleted."""


class TooLarge(EvidenceError):
    """The evidencia's tipo does not allow a file of this size."""

    def __init__(self, tipo: str, most: int, size: int) -> None:
        super().__init__(f"a file of tipo {tipo} may have {most:,} bytes; this has {size:,}")


class UploadNotBegun(EvidenceError):
    """No upload is on its way."""


class UploadIncomplete(EvidenceError):
    """Parts are missing; `missing` are their numbers."""

    def __init__(self, missing: tuple[int, ...]) -> None:
        super().__init__(f"parts that are not there: {', '.join(map(str, missing))}")
        self.missing = missing


class UploadOutdated(EvidenceError):
    """The evidencia says another size, hash or type than when the upload began."""


class UploadOfAnother(EvidenceError):
    """Another user began the upload that an agent in the field wants to give up."""


class FileRefused(EvidenceError):
    """What was sent is not what the evidencia says: its `reason` is size, hash or type."""

    def __init__(self, reason: str, *, expected: str, found: str) -> None:
        super().__init__(f"its {reason} is {found}, not {expected}")
        self.reason = reason
        self.expected = expected
        self.found = found


class AlreadyVerified(EvidenceError):
    """The file was verified."""


class NoSuchFile(EvidenceError):
    """No verified file, or no thumbnail, is there."""


class FileDeleted(EvidenceError):
    """The bytes of the file were removed."""
