"""What the calls about files answer (docs/evidence.md)."""

import enum

import msgspec
from msgspec import UNSET, UnsetType

from techdengue.domain.operation import EntityId


class UploadState(enum.Enum):
    """How far a file is."""

    NONE = "none"
    """No upload is on its way."""
    UPLOADING = "uploading"
    REFUSED = "refused"
    """What was sent was not what the evidencia says, or the upload was given up: begin again."""
    VERIFIED = "verified"
    DELETED = "deleted"
    """It was verified, and its bytes were removed since."""


class PartThere(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is in the store."""

    number: int
    size: int
    etag: str


class MissingPart(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that are still to be sent: `size` of them from `offset`, by one PUT to `url` with `headers`."""

    number: int
    offset: int
    size: int
    url: str | UnsetType = UNSET
    headers: dict[str, str] | UnsetType = UNSET


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file is, and what is still to be sent. A single upload is one part."""

    evidencia_id: EntityId
    municipio_cod_ibge: str
    status: UploadState
    size_bytes: int
    hash_sha256: str
    content_type: str | None
    multipart: bool | UnsetType = UNSET
    part_bytes: int | UnsetType = UNSET
    there: tuple[PartThere, ...] | UnsetType = UNSET
    missing: tuple[MissingPart, ...] | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET
    """Until when the addresses are good; ask again for new ones."""
    refusal: str | UnsetType = UNSET
    verified_at: str | UnsetType = UNSET


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a file of a município can be read, for a while."""

    municipio: str
    url: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was verified: the evidencia is CONCLUIDA at this version."""

    evidencia_id: EntityId
    municipio_cod_ibge: str
    status: UploadState
    version: int
    size_bytes: int
    hash_sha256: str
    content_type: str
    verified_at: str
    already_processed: bool = False
