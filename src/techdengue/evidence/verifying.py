"""Whether the bytes in the store are those of which the evidencia speaks: size, SHA-256, type."""

import asyncio
import contextlib
import hashlib

from techdengue.domain.evidencia import CONTENT_TYPES
from techdengue.storage import NoSuchUpload, ObjectHead, Storage

from .errors import FileRefused, UploadIncomplete
from .parts import parts_of
from .records import UNDECLARED, File
from .sniffing import SNIFFED_BYTES, agrees, sniff


async def put_together(storage: Storage, file: File) -> ObjectHead:
    """The object of an upload, put together from its parts where it came in such. Raises UploadIncomplete."""
    if file.multipart_upload_id is not None:
        with contextlib.suppress(NoSuchUpload):  # it was put together before, or it is gone: the object says which
            await _finish(storage, file, file.multipart_upload_id)
    head = await storage.head(file.object_key)
    if head is None:
        raise UploadIncomplete(tuple(number for number, _, _ in parts_of(file.size_bytes)))
    return head


async def _finish(storage: Storage, file: File, upload: str) -> None:
    there = await storage.parts(file.object_key, upload)
    sizes = {part.number: part.size for part in there}
    wanted = [(number, size) for number, _, size in parts_of(file.size_bytes)]
    missing = tuple(number for number, size in wanted if sizes.get(number) != size)
    if missing:
        raise UploadIncomplete(missing)
    numbers = {number for number, _ in wanted}
    await storage.finish_multipart(file.object_key, upload, [part for part in there if part.number in numbers])


async def verify(storage: Storage, file: File, head: ObjectHead) -> str:
    """The type that the object shows. Raises FileRefused."""
    if head.size != file.size_bytes:
        raise FileRefused("size", expected=str(file.size_bytes), found=str(head.size))
    found, first = await _digest(storage, file, head)
    if found != file.hash_sha256:
        raise FileRefused("hash", expected=file.hash_sha256, found=found)
    sniffed = sniff(first)
    if not (sniffed in CONTENT_TYPES if file.content_type == UNDECLARED else agrees(file.content_type, sniffed)):
        raise FileRefused("type", expected=file.content_type, found=sniffed)
    return sniffed


async def _digest(storage: Storage, file: File, head: ObjectHead) -> tuple[str, bytes]:
    """The object's SHA-256 in hexadecimal, as the store checked it or else computed, and its first bytes."""
    if head.sha256 is not None:
        first = await storage.read(file.object_key, 0, SNIFFED_BYTES, etag=head.etag)
        return head.sha256.hex(), first
    digest, first = hashlib.sha256(), b""
    async for piece in storage.pieces(file.object_key, head):
        first = first or piece[:SNIFFED_BYTES]
        await asyncio.to_thread(digest.update, piece)
    return digest.hexdigest(), first
