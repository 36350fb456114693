"""Gets the pictures of a report: thumbnails, or from the photo where there is none; what cannot be had is said."""

import asyncio
from typing import Final

import msgspec

from jobs.evidence.looking import look_at
from jobs.run import Run
from techdengue.storage import NoSuchObject, ObjectChanged, Storage, StorageAway

from .evd01 import Evidence
from .thumbnails import is_jpeg

GONE: Final = "O arquivo não está mais no armazenamento"
UNREADABLE: Final = "Sem imagem: arquivo ilegível, ou de formato que não se converte"
_AT_ONCE: Final = 8


class Filed(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence, and where its thumbnail is, if there is one."""

    evidence: Evidence
    thumbnail_key: str | None = None


async def pictured(run: Run, storage: Storage, files: list[Filed]) -> list[Evidence]:
    """The evidence with its pictures, in the same order. Raises StorageAway."""
    found: list[Evidence] = []
    for start in range(0, len(files), _AT_ONCE):
        for evidence in await _with_thumbnails(storage, files[start : start + _AT_ONCE]):
            found.append(await _completed(storage, evidence))
            await run.progress(len(found), len(files) + 1)
    return found


async def _with_thumbnails(storage: Storage, files: list[Filed]) -> list[Evidence]:
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_with_thumbnail(storage, filed)) for filed in files]
    except ExceptionGroup as failures:
        if isinstance(failures.exceptions[0], StorageAway):
            raise failures.exceptions[0] from failures
        raise
    return [task.result() for task in tasks]


async def _with_thumbnail(storage: Storage, filed: Filed) -> Evidence:
    evidence = filed.evidence
    missing = GONE if await storage.head(evidence.object_key) is None else None
    picture = await _thumbnail(storage, filed) if evidence.record.type == "FOTO" else None
    return msgspec.structs.replace(evidence, picture=picture, missing=missing)


async def _thumbnail(storage: Storage, filed: Filed) -> bytes | None:
    if filed.thumbnail_key is None:
        return None
    try:
        found = await storage.get(filed.thumbnail_key)
    except (NoSuchObject, ObjectChanged):
        return None
    return found if await asyncio.to_thread(is_jpeg, found) else None


async def _completed(storage: Storage, evidence: Evidence) -> Evidence:
    """A photo without a thumbnail is looked at itself: one at a time, for that is what takes memory."""
    if evidence.record.type != "FOTO" or evidence.picture is not None or evidence.missing is not None:
        return evidence
    try:
        look = await asyncio.to_thread(look_at, await storage.get(evidence.object_key))
    except (NoSuchObject, ObjectChanged):
        return msgspec.structs.replace(evidence, missing=GONE)
    return msgspec.structs.replace(evidence, picture=look.thumbnail, missing=UNREADABLE if look.flags else None)
