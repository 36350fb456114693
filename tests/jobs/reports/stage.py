"""Puts activities, evidence and files into a database as the projector, the intake and the store would have them."""

import datetime as dt
import hashlib
import json
from typing import Any

import asyncpg

from techdengue.storage import Storage

from .samples import CUIABA, MADE_AT, POINT, photo

_ACTIVITY = """
INSERT INTO projections.atividade (
    municipio_cod_ibge, atividade_id, version, deleted, tipo, status, origem, descricao, longitude, latitude,
    usuario_responsavel, usuario_criacao, fim_efetivo, criado_em, atualizado_em, metadata
) VALUES ($1, $2, 3, $3, $4, $5, 'MANUAL', $6, $7, $8, 'maria', 'maria', $9, $10, $10, $11)
"""
_EVIDENCE = """
INSERT INTO projections.evidencia (
    municipio_cod_ibge, evidencia_id, version, deleted, atividade_id, tipo, status, hash_sha256, tamanho_bytes,
    content_type, usuario_criacao, concluida_em, criado_em, atualizado_em
) VALUES ($1, $2, 2, $3, $4, $5, $6, $7, $8, 'image/jpeg', 'maria', $9, $10, $10)
"""
_FILE = """
INSERT INTO techdengue.evidence_file (
    municipio_cod_ibge, evidencia_id, object_key, size_bytes, hash_sha256, content_type, status, started_by,
    verified_at, verified_by, sniffed_type, thumbnail_key, width, height, captured_at, longitude, latitude,
    described_at
) VALUES (
    $1, $2, $3, $4, $5, 'image/jpeg', $6, 'maria', now(), 'server', 'image/jpeg', $7, 512, 384, $8, $9, $10,
    now()
)
"""


class Stage:
    """Connected as the owner; everything that it makes is of Cuiabá unless it is told otherwise."""

    def __init__(self, connection: "asyncpg.Connection[Any]", storage: Storage) -> None:
        self.connection = connection
        self.storage = storage

    async def activity(
        self,
        atividade_id: str = "a-1",
        *,
        municipio: str = CUIABA,
        status: str = "CONCLUIDA",
        tipo: str = "VISTORIA",
        created: dt.datetime = MADE_AT,
        ended: dt.datetime | None = None,
        deleted: bool = False,
    ) -> None:
        """An activity; `ended` is when it first took effect that it is over."""
        noted = json.dumps({"quadra": "B-7"})
        position = (None, None) if deleted else POINT
        await self.connection.execute(
            _ACTIVITY, municipio, atividade_id, deleted, tipo, status, "Larvas", *position, ended, created, noted
        )

    async def photo(
        self,
        evidencia_id: str,
        *,
        atividade_id: str = "a-1",
        municipio: str = CUIABA,
        content: bytes | None = None,
        thumbnail: bytes | None = None,
        verified: bool = True,
        deleted: bool = False,
        tipo: str = "FOTO",
        created: dt.datetime = MADE_AT,
    ) -> str:
        """A piece of evidence with its file (none where `content` is empty) and thumbnail; answers the file's key."""
        content = photo(sum(evidencia_id.encode())) if content is None else content
        key, small = f"files/{municipio}/{evidencia_id}", f"thumbnails/{municipio}/{evidencia_id}.jpg"
        digest, size = hashlib.sha256(content).hexdigest(), len(content) or 1
        status = "CONCLUIDA" if verified else "PENDENTE"
        ended = created if verified else None
        evidence = (municipio, evidencia_id, deleted, atividade_id, tipo, status, digest, size, ended, created)
        await self.connection.execute(_EVIDENCE, *evidence)
        state = "verified" if verified else "uploading"
        named = small if thumbnail is not None else None
        file = (municipio, evidencia_id, key, size, digest, state, named, MADE_AT, *POINT)
        await self.connection.execute(_FILE, *file)
        if content:
            await self.storage.put(key, content, content_type="image/jpeg")
        if thumbnail is not None:
            await self.storage.put(small, thumbnail, content_type="image/jpeg")
        return key

    async def reports(self, code: str = "EVD01") -> list[Any]:
        """The rows of this code, oldest first."""
        statement = "SELECT * FROM jobs.report WHERE code = $1 ORDER BY requested_at, report_id"
        return list(await self.connection.fetch(statement, code))

    async def leaves(self, report_id: Any) -> list[Any]:
        """The leaves of a report."""
        statement = "SELECT * FROM jobs.report_leaf WHERE report_id = $1 ORDER BY ordinal"
        return list(await self.connection.fetch(statement, report_id))
