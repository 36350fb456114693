"""Evidence with files, as rows and objects, as many as a test wants."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

import asyncpg
import msgspec

from techdengue.storage import Storage

_HEADS = """
INSERT INTO eventstore.stream (tenant, stream, sequence, version, position, updated_at, recorded_at, state)
SELECT $1, 'evidencia/' || n, 2, 2, 1, $3::timestamptz - interval '100 days', $3, '' FROM unnest($2::text[]) AS n
"""
_ROWS = """
INSERT INTO projections.evidencia (
    municipio_cod_ibge, evidencia_id, version, deleted, status, usuario_criacao, criado_em, atualizado_em)
SELECT $1, n, $5, $4, $3, 'ana', now() - interval '1 year', now() - interval '1 year' FROM unnest($2::text[]) AS n
"""
_FILES = """
INSERT INTO techdengue.evidence_file (
    municipio_cod_ibge, evidencia_id, object_key, size_bytes, hash_sha256, content_type, status, started_by,
    verified_at, verified_by, thumbnail_key)
SELECT $1, f.id, f.key, 4, repeat('0', 64), 'image/jpeg', $5, 'ana', now(), 'ana', f.thumbnail
FROM unnest($2::text[], $3::text[], $4::text[]) AS f (id, key, thumbnail)
"""
_REPORT = """
INSERT INTO jobs.report (
    report_id, code, status, municipio_cod_ibge, atividade_id, page_size, orientation, requested_at, run_id,
    generated_at, content, root, leaves, bucket, object_key, size_bytes, sha256)
VALUES ($1, 'EVD01', 'ready', $2, 'a-1', 'A4', 'portrait', now(), gen_random_uuid(), now(), '', sha256('r'), 1, 'b',
    'k', 10, sha256('f'))
"""
_LEAF = """
INSERT INTO jobs.report_leaf (report_id, ordinal, municipio_cod_ibge, evidencia_id, object_key, record, leaf_hash)
VALUES ($1, $2, $3, $4, $5, '{}', sha256('leaf'))
"""
CUIABA = "5103403"


class Files(msgspec.Struct, frozen=True):
    """What a test has put where; `prefix` is its own."""

    connection: "asyncpg.Connection[Any]"
    storage: Storage
    prefix: str

    async def add(
        self,
        ids: Iterable[str],
        at: dt.datetime,
        *,
        evidence: str = "DELETADA",
        deleted: bool = False,
        status: str = "verified",
        thumbnails: bool = False,
        version: int = 2,
        objects: bool = True,
    ) -> None:
        """Evidence whose last event was received at this time, with its files."""
        named = list(ids)
        keys = [self.key(each) for each in named]
        thumbs = [f"{key}.thumb" if thumbnails else None for key in keys]
        await self.connection.execute(_HEADS, CUIABA, named, at)
        await self.connection.execute(_ROWS, CUIABA, named, evidence, deleted, version)
        await self.connection.execute(_FILES, CUIABA, named, keys, thumbs, status)
        if objects:
            await self.put([*keys, *filter(None, thumbs)])

    async def put(self, keys: Iterable[str]) -> None:
        """Objects under these keys."""
        places = asyncio.Semaphore(32)

        async def put(key: str) -> None:
            async with places:
                await self.storage.put(key, b"jpeg", content_type="image/jpeg")

        async with asyncio.TaskGroup() as tasks:
            for key in keys:
                tasks.create_task(put(key))

    async def cover(self, *ids: str) -> None:
        """A report that is about these."""
        report_id = uuid.uuid4()
        async with self.connection.transaction():
            await self.connection.execute(_REPORT, report_id, CUIABA)
            for ordinal, each in enumerate(ids):
                await self.connection.execute(_LEAF, report_id, ordinal, CUIABA, each, self.key(each))

    async def left(self) -> set[str]:
        """What the object store has, without the prefix."""
        return {key.removeprefix(self.prefix) async for key in self.storage.keys(self.prefix)}

    async def statuses(self) -> dict[str, str]:
        """What the table says of each file."""
        rows = await self.connection.fetch("SELECT evidencia_id, status FROM techdengue.evidence_file")
        return {row["evidencia_id"]: row["status"] for row in rows}

    def key(self, evidencia_id: str) -> str:
        """Where its file is."""
        return f"{self.prefix}{evidencia_id}"
