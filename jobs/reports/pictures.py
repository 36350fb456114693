"""Gets the pictures of a report: thumbnails, or made from the photo where there is none; what cannot be had is said."""

import asyncio
from typing import Final

import msgspec

from jobs.run import Run
from techdengue.storage import NoSuchObject, ObjectChanged, Storage, StorageAway

from .evd01 import Evidence
from .thumbnails import is_jpeg, thumbnail_of

GONE: Final = "O arquivo não está mais no armazenamento"
UNREADABLE: Final = "Sem imagem: arquivo ilegível, ou de formato que não se converte"
_AT_ONCE: Final = 8
_LARGEST_PHOTO: Final = 16 * 1024 * 1024
"""Bytes of an original that is read for its thumbnail: more than a FOTO may have."""


class Filed(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence, and where its thumbnail is, if there is one."""

    evidence: Evidence
    thumbnail_key: str | None = None


async def pictured(run: Run, storage: Storage, files: list[Filed]) -> list[Evidence]:
    """The evidence with its pictures, in the same order. Raises StorageAway."""
    found: list[Evidence] = []
    for start in range(0, len(files), _AT_ONCE):
        some = files[start : start + _AT_ONCE]
        found += await _all_pictured(storage, some)
        await run.progress(len(found), len(files) + 1)
    return found


async def _all_pictured(storage: Storage, files: list[Filed]) -> list[Evidence]:
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_pictured(storage, filed)) for filed in files]
    except ExceptionGroup as failures:
        if isinstance(failures.exceptions[0], StorageAway):
            raise failures.exceptions[0] from failures
        raise
    return [task.result() for task in tasks]


async def _pictured(storage: Storage, filed: Filed) -> Evidence:
    evidence = filed.evidence
    head = await storage.head(evidence.object_key)
    gone = GONE if head is None else None
    if evidence.record.type != "FOTO":
        return msgspec.structs.replace(evidence, missing=gone)
    picture = await _thumbnail(storage, filed)
    if picture is None and head is not None and head.size <= _LARGEST_PHOTO:
        picture = await _from_original(storage, evidence.object_key)
    missing = gone or (UNREADABLE if picture is None else None)
    return msgspec.structs.replace(evidence, picture=picture, missing=missing)


async def _thumbnail(storage: Storage, filed: Filed) -> bytes | None:
    if filed.thumbnail_key is None:
        return None
    try:
        found = await storage.get(filed.thumbnail_key)
    except (NoSuchObject, ObjectChanged):
        return None
    return found if await asyncio.to_thread(is_jpeg, found) else None


async def _from_original(storage: Storage, key: str) -> bytes | None:
    try:
        original = await storage.get(key)
    except (NoSuchObject, ObjectChanged):
        return None
    return await asyncio.to_thread(thumbnail_of, original)
