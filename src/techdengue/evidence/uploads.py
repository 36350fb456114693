"""The use case: begin or resume an upload, complete it, give it up, and read what was verified.

The object store is asked without a transaction or a lock being held. What makes two of anything at once one is in the
database: a row that changes only from what was seen, and the append of the verification (docs/decisions/0018).
"""

import asyncio
import contextlib
import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any, Final, Protocol

import asyncpg
import msgspec
import structlog
from msgspec import UNSET

from projections.naming import rfc3339
from techdengue import telemetry
from techdengue.domain.access import Caller
from techdengue.domain.evidencia import ONCE_VERIFIED
from techdengue.intake import Seal, Sealed, SealRefused
from techdengue.storage import NoSuchUpload, ObjectHead, Part, Storage, StorageError

from .errors import (
    AlreadyVerified,
    EvidenceDeleted,
    FileDeleted,
    FileRefused,
    NoSuchFile,
    UploadNotBegun,
    UploadOfAnother,
    UploadOutdated,
)
from .model import MissingPart, PartThere, Place, Upload, UploadState, Verification
from .parts import PART_BYTES, is_multipart, parts_of
from .records import UNDECLARED, File, Found, Records, declared
from .verifying import put_together, verify

UPLOAD_FOR: Final = dt.timedelta(hours=1)
"""How long the addresses of an upload are good: 5 MiB within it is 12 kbit/s."""
DOWNLOAD_FOR: Final = dt.timedelta(minutes=5)
KEY_PREFIX: Final = "evidencias/"

_VERIFIED_AT_ONCE: Final = 4
"""Files whose bytes one process reads at once."""
_BEFORE: Final = (None, "PENDENTE", "UPLOADING", "ERRO", "CONCLUIDA")
_GIVEN_UP: Final = "given_up"

log = structlog.get_logger(__name__)


class Sealer(Protocol):
    """The only writer of the log."""

    async def seal(self, caller: Caller, seal: Seal) -> Sealed:
        """Record what the server has found out. Raises SealRefused, Overloaded, Unavailable."""


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Evidence:
    """The files of evidence. Every call raises NoSuchEvidence, EvidenceDeleted, SeveralEntities, StorageAway."""

    def __init__(
        self,
        readers: "asyncpg.Pool[Any]",
        writers: "asyncpg.Pool[Any]",
        storage: Storage,
        sealer: Sealer,
        *,
        acquire_seconds: float,
        clock: Callable[[], dt.datetime] = _utc_now,
    ) -> None:
        """`readers` gives connections of the role techdengue_reader, `writers` of techdengue_intake."""
        self._records = Records(readers, writers, acquire_seconds=acquire_seconds)
        self._storage = storage
        self._sealer = sealer
        self._clock = clock
        self._reading = asyncio.Semaphore(_VERIFIED_AT_ONCE)

    async def begin(self, caller: Caller, evidencia_id: str, municipio: str | None) -> Upload:
        """Begin an upload, or say how far the one is that was begun. Raises TooLarge."""
        found = await self._records.find(caller, evidencia_id, municipio)
        while True:
            file = found.file
            if file is not None and file.status == "verified":
                return _told(found, UploadState.VERIFIED, file)
            if file is not None and file.status == "uploading" and found.is_of(file):
                with contextlib.suppress(NoSuchUpload):
                    return await self._progress(found, file, "resumed")
            found.check_size()
            if (begun := await self._begin(caller, found)) is not None:
                return begun
            found = await self._records.find(caller, evidencia_id, municipio)

    async def state(self, caller: Caller, evidencia_id: str, municipio: str | None) -> Upload:
        """How far the file is; addresses for what is missing are only made by `begin`."""
        found = await self._records.find(caller, evidencia_id, municipio)
        file = found.file
        if file is None:
            return _told(found, UploadState.NONE, None)
        if file.status != "uploading":
            return _told(found, UploadState(file.status), file)
        try:
            return await self._progress(found, file, None)
        except NoSuchUpload:
            return _told(found, UploadState.NONE, None)

    async def give_up(self, caller: Caller, evidencia_id: str, municipio: str | None) -> None:
        """Forget the upload that is on its way, and its parts. Raises AlreadyVerified, UploadOfAnother."""
        found = await self._records.find(caller, evidencia_id, municipio)
        file = found.file
        if file is None or file.status in ("refused", "deleted"):
            return
        if file.status == "uploading" and not file.may_be_given_up_by(caller):
            raise UploadOfAnother
        if file.status == "verified" or not await self._records.refuse(found, file, _GIVEN_UP):
            raise AlreadyVerified
        _count("given_up")
        await self._remove(file)

    async def complete(self, caller: Caller, evidencia_id: str, municipio: str | None) -> Verification:
        """Verify what was sent, and record it: the evidencia is CONCLUIDA then. Twice is once.

        Raises UploadNotBegun, UploadIncomplete, UploadOutdated, FileRefused, IntakeError.
        """
        found = await self._records.find(caller, evidencia_id, municipio)
        file = found.file
        if file is None or file.status == "deleted" or file.refusal == _GIVEN_UP:
            raise UploadNotBegun
        if file.status == "verified":
            return _verified(found, file, found.version, _time(file.verified_at), repeated=True)
        if not found.is_of(file):
            raise UploadOutdated
        if file.refusal is not None:
            raise _refusal_of(file.refusal)
        file, head = await self._settled(found, file, await put_together(self._storage, file))
        try:
            async with self._reading:
                sniffed = await verify(self._storage, file, head)
        except FileRefused as refusal:
            await self._refuse(found, file, refusal)
            raise
        sealed = await self._seal(caller, found, file, sniffed)
        return _verified(found, file, sealed.version, sealed.at, repeated=sealed.already_processed, sniffed=sniffed)

    async def download(self, caller: Caller, evidencia_id: str, municipio: str | None) -> Place:
        """Where the file can be read for 5 minutes. Raises NoSuchFile, FileDeleted."""
        found, file = await self._file(caller, evidencia_id, municipio)
        kind = found.told.content_type or file.content_type
        headers = {
            "ResponseContentType": kind,
            "ResponseContentDisposition": f'attachment; filename="{file.hash_sha256[:12]}.{kind.partition("/")[2]}"',
        }
        url = await self._storage.presign_get(file.object_key, expires=DOWNLOAD_FOR, headers=headers)
        return Place(municipio=found.municipio, url=url)

    async def thumbnail(self, caller: Caller, evidencia_id: str, municipio: str | None) -> Place:
        """Where the thumbnail, a JPEG, can be read for 5 minutes. Raises NoSuchFile, FileDeleted."""
        found, file = await self._file(caller, evidencia_id, municipio)
        if file.thumbnail_key is None:
            raise NoSuchFile
        url = await self._storage.presign_get(file.thumbnail_key, expires=DOWNLOAD_FOR)
        return Place(municipio=found.municipio, url=url)

    async def _file(self, caller: Caller, evidencia_id: str, municipio: str | None) -> tuple[Found, File]:
        found = await self._records.find(caller, evidencia_id, municipio)
        file = found.file
        if file is not None and file.status == "deleted":
            raise FileDeleted
        if file is None or file.status != "verified":
            raise NoSuchFile
        return found, file

    async def _begin(self, caller: Caller, found: Found) -> Upload | None:
        """A new upload, in place of what was found; None where another one came first."""
        key = f"{KEY_PREFIX}{found.municipio}/{uuid.uuid4()}"
        upload = None
        if is_multipart(found.told.tamanho_bytes):
            upload = await self._storage.begin_multipart(key, content_type=declared(found.told))
        if not await self._records.begin(caller, found, key, upload):
            if upload is not None:
                await self._storage.abort_multipart(key, upload)
            return None
        _count("begun")
        if found.file is not None and found.file.status == "uploading":
            await self._remove(found.file)
        begun = File(
            object_key=key,
            size_bytes=found.told.tamanho_bytes,
            hash_sha256=found.told.hash_sha256,
            content_type=declared(found.told),
            multipart_upload_id=upload,
            status="uploading",
            verified_at=None,
            refusal=None,
            thumbnail_key=None,
            started_by=caller.user,
        )
        return await self._plan(found, begun, (), addresses=True)

    async def _progress(self, found: Found, file: File, count: str | None) -> Upload:
        """How far an upload is, with addresses for the rest where `count` says what it is. Raises NoSuchUpload."""
        there: tuple[Part, ...] = ()
        if file.multipart_upload_id is None:
            there = _whole(await self._storage.head(file.object_key))
        else:
            try:
                there = await self._storage.parts(file.object_key, file.multipart_upload_id)
            except NoSuchUpload:
                head = await self._storage.head(file.object_key)
                if head is None:
                    raise
                there = tuple(Part(number=number, size=size, etag="") for number, _, size in parts_of(head.size))
        if count is not None:
            _count(count)
        return await self._plan(found, file, there, addresses=count is not None)

    async def _plan(self, found: Found, file: File, there: tuple[Part, ...], *, addresses: bool) -> Upload:
        sizes = {part.number: part.size for part in there}
        wanted = parts_of(file.size_bytes) if file.multipart_upload_id else ((1, 0, file.size_bytes),)
        missing = [
            await self._missing(file, number, offset, size, addresses=addresses)
            for number, offset, size in wanted
            if sizes.get(number) != size
        ]
        return Upload(
            evidencia_id=found.evidencia_id,
            municipio_cod_ibge=found.municipio,
            status=UploadState.UPLOADING,
            size_bytes=file.size_bytes,
            hash_sha256=file.hash_sha256,
            content_type=found.told.content_type,
            multipart=file.multipart_upload_id is not None,
            part_bytes=PART_BYTES if file.multipart_upload_id else file.size_bytes,
            there=tuple(
                PartThere(number=part.number, size=part.size, etag=part.etag)
                for part in there
                if (part.number, part.size) in {(number, size) for number, _, size in wanted}
            ),
            missing=tuple(missing),
            expires_at=rfc3339(self._clock() + UPLOAD_FOR) if addresses and missing else UNSET,
        )

    async def _missing(self, file: File, number: int, offset: int, size: int, *, addresses: bool) -> MissingPart:
        if not addresses:
            return MissingPart(number=number, offset=offset, size=size)
        if file.multipart_upload_id is None:
            url, headers = await self._storage.presign_put(
                file.object_key,
                size=size,
                sha256=bytes.fromhex(file.hash_sha256),
                content_type=file.content_type,
                expires=UPLOAD_FOR,
            )
            return MissingPart(number=number, offset=offset, size=size, url=url, headers=headers)
        url = await self._storage.presign_part(
            file.object_key, file.multipart_upload_id, number, size=size, expires=UPLOAD_FOR
        )
        return MissingPart(number=number, offset=offset, size=size, url=url, headers={"content-length": str(size)})

    async def _settled(self, found: Found, file: File, head: ObjectHead) -> tuple[File, ObjectHead]:
        """The object where nobody can write any more: a store that does not check sums has it copied out of reach."""
        if file.multipart_upload_id is not None or head.sha256 is not None:
            return file, head
        key = f"{KEY_PREFIX}{found.municipio}/{uuid.uuid4()}"
        await self._storage.copy(file.object_key, key, etag=head.etag)
        if not await self._records.move(found, file, key):
            await self._storage.delete_many([key])
            raise UploadOutdated
        await self._storage.delete_many([file.object_key])
        copied = await self._storage.head(key)
        if copied is None:
            raise UploadNotBegun
        return msgspec.structs.replace(file, object_key=key), copied

    async def _refuse(self, found: Found, file: File, refusal: FileRefused) -> None:
        if await self._records.refuse(found, file, "|".join((refusal.reason, refusal.expected, refusal.found))):
            _count(f"refused_{refusal.reason}")
            log.info("evidence_refused", reason=refusal.reason, size=file.size_bytes)
            await self._remove(file)

    async def _seal(self, caller: Caller, found: Found, file: File, sniffed: str) -> Sealed:
        seal = Seal(
            municipio=found.municipio,
            entity_type="evidencia",
            entity_id=found.evidencia_id,
            key=f"verified/{file.object_key.rpartition('/')[2]}",
            expected={
                "status": _BEFORE,
                "hash_sha256": (file.hash_sha256,),
                "tamanho_bytes": (file.size_bytes,),
                "content_type": (found.told.content_type,),
            },
            data={
                "status": "CONCLUIDA",
                "hash_sha256": file.hash_sha256,
                "tamanho_bytes": file.size_bytes,
                "content_type": _type(file, sniffed),
            },
            seals=ONCE_VERIFIED,
            object_key=file.object_key,
            sniffed_type=sniffed,
        )
        try:
            sealed = await self._sealer.seal(caller, seal)
        except SealRefused as refusal:
            raise _moved_on(refusal) from refusal
        if not sealed.already_processed:
            _count("verified")
            log.info("evidence_verified", size=file.size_bytes, type=sniffed)
        return sealed

    async def _remove(self, file: File) -> None:
        """Remove what an upload left in the store; what cannot be removed now, clean_abandoned_uploads finds."""
        try:
            if file.multipart_upload_id is not None:
                await self._storage.abort_multipart(file.object_key, file.multipart_upload_id)
            await self._storage.delete_many([file.object_key])
        except StorageError as error:
            log.warning("upload_left_behind", error=type(error).__name__)


def _whole(head: ObjectHead | None) -> tuple[Part, ...]:
    return () if head is None else (Part(number=1, size=head.size, etag=head.etag),)


def _moved_on(refusal: SealRefused) -> Exception:
    match refusal.field:
        case None if "deleted" in str(refusal):
            return EvidenceDeleted()
        case None:
            return UploadNotBegun()
        case "status":
            return EvidenceDeleted()
        case _:
            return UploadOutdated()


def _refusal_of(refusal: str) -> FileRefused:
    reason, expected, found = refusal.split("|", 2)
    return FileRefused(reason, expected=expected, found=found)


def _type(file: File, sniffed: str) -> str:
    return sniffed if file.content_type == UNDECLARED else file.content_type


def _time(moment: dt.datetime | None) -> str:
    return "" if moment is None else rfc3339(moment)


def _told(found: Found, state: UploadState, file: File | None) -> Upload:
    refusal = UNSET if file is None or file.refusal is None else file.refusal.partition("|")[0]
    return Upload(
        evidencia_id=found.evidencia_id,
        municipio_cod_ibge=found.municipio,
        status=state,
        size_bytes=found.told.tamanho_bytes,
        hash_sha256=found.told.hash_sha256,
        content_type=found.told.content_type,
        refusal=refusal,
        verified_at=UNSET if file is None or file.verified_at is None else rfc3339(file.verified_at),
    )


def _verified(
    found: Found, file: File, version: int, at: str, *, repeated: bool, sniffed: str | None = None
) -> Verification:
    return Verification(
        evidencia_id=found.evidencia_id,
        municipio_cod_ibge=found.municipio,
        status=UploadState.VERIFIED,
        version=version,
        size_bytes=file.size_bytes,
        hash_sha256=file.hash_sha256,
        content_type=_type(file, sniffed) if sniffed else found.told.content_type or file.content_type,
        verified_at=at,
        already_processed=repeated,
    )


def _count(outcome: str) -> None:
    telemetry.EVIDENCE_UPLOADS.labels(outcome).inc()
