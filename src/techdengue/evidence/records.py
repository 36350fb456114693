"""An evidencia and the row of its file, read under the caller's territory and written by the server."""

import datetime as dt
from typing import Any

import asyncpg
import msgspec

from projections import queries
from projections.model import Document
from techdengue.domain.access import Caller, Role
from techdengue.domain.evidencia import LARGEST_BYTES
from techdengue.domain.operation import EntityId

from .errors import EvidenceDeleted, NoSuchEvidence, TooLarge
from .statements import BEGIN_FILE, MOVE_FILE, READ_FILE, REFUSE_FILE

UNDECLARED = "application/octet-stream"
"""What a file is sent as whose type the evidencia does not name: that is what its bytes show, then."""

_DELETED = "DELETADA"


class File(msgspec.Struct, frozen=True, kw_only=True):
    """The row of an upload or a file."""

    object_key: str
    size_bytes: int
    hash_sha256: str
    content_type: str
    multipart_upload_id: str | None
    status: str
    verified_at: dt.datetime | None
    refusal: str | None
    thumbnail_key: str | None
    started_by: str
    """The user who began it."""

    def may_be_given_up_by(self, caller: Caller) -> bool:
        """Whether it is the caller's own upload, or the caller is no agent in the field: VIGILANCIA and above."""
        return caller.user == self.started_by or caller.is_at_least(Role.VIGILANCIA)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the evidencia's document says of its file."""

    hash_sha256: str
    tamanho_bytes: int
    content_type: str | None = None
    tipo: str | None = None
    status: str | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An evidencia of the caller's territory that is not deleted, with its file's row where there is one."""

    municipio: str
    evidencia_id: EntityId
    version: int
    told: Told
    file: File | None

    def is_of(self, file: File) -> bool:
        """Whether an upload is of the file that the document speaks of now."""
        return (file.hash_sha256, file.size_bytes, file.content_type) == (
            self.told.hash_sha256,
            self.told.tamanho_bytes,
            declared(self.told),
        )

    def check_size(self) -> None:
        """Raises TooLarge."""
        most = LARGEST_BYTES.get(self.told.tipo or "")
        if most is not None and self.told.tamanho_bytes > most:
            raise TooLarge(self.told.tipo or "", most, self.told.tamanho_bytes)


def declared(told: Told) -> str:
    """The type that a file is sent as."""
    return told.content_type or UNDECLARED


class Records:
    """`readers` gives connections of the role techdengue_reader, `writers` of techdengue_intake."""

    def __init__(self, readers: "asyncpg.Pool[Any]", writers: "asyncpg.Pool[Any]", *, acquire_seconds: float) -> None:
        self._readers = readers
        self._writers = writers
        self._seconds = acquire_seconds

    async def find(self, caller: Caller, evidencia_id: str, municipio: str | None) -> Found:
        """Raises NoSuchEvidence, EvidenceDeleted, SeveralEntities."""
        async with (
            self._readers.acquire(timeout=self._seconds) as connection,
            queries.territory(connection, caller.municipios) as reader,
        ):
            document, told = await _read(reader, evidencia_id, municipio)
            row = await connection.fetchrow(READ_FILE, document.municipio_cod_ibge, evidencia_id)
            if row is not None and row["status"] == "verified":  # maybe since the document was read, which says so too
                document, told = await _read(reader, evidencia_id, document.municipio_cod_ibge)
        return Found(
            municipio=document.municipio_cod_ibge,
            evidencia_id=document.entity_id,
            version=document.version,
            told=told,
            file=None if row is None else File(**row),
        )

    async def begin(self, caller: Caller, found: Found, object_key: str, upload_id: str | None) -> bool:
        """Put a new upload in the place of the one that was found; whether it did: another one may have come first."""
        return await self._write(
            BEGIN_FILE,
            found.municipio,
            str(found.evidencia_id),
            object_key,
            found.told.tamanho_bytes,
            found.told.hash_sha256,
            declared(found.told),
            upload_id,
            caller.user,
            None if found.file is None else found.file.object_key,
        )

    async def refuse(self, found: Found, file: File, why: str) -> bool:
        """Let an upload come to nothing; whether it was still on its way."""
        return await self._write(REFUSE_FILE, found.municipio, str(found.evidencia_id), file.object_key, why)

    async def move(self, found: Found, file: File, object_key: str) -> bool:
        """Say that the object of an upload is elsewhere now; whether the upload was still on its way."""
        return await self._write(MOVE_FILE, found.municipio, str(found.evidencia_id), file.object_key, object_key)

    async def _write(self, statement: str, *values: Any) -> bool:
        async with self._writers.acquire(timeout=self._seconds) as connection:
            return await connection.fetchval(statement, *values) is not None


async def _read(reader: queries.Reader, evidencia_id: str, municipio: str | None) -> tuple[Document, Told]:
    document = await queries.entity(reader, "evidencia", evidencia_id, municipio=municipio)
    if document is None:
        raise NoSuchEvidence
    if document.data is None:
        raise EvidenceDeleted
    told = msgspec.json.decode(document.data, type=Told)
    if told.status == _DELETED:
        raise EvidenceDeleted
    return document, told
