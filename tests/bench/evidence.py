"""Files of evidence: complete uploads of 2 MiB, beside what one does who puts them into S3 and reads them back to hash.

A complete upload is three calls: begin, PUT to the object store, have it verified and recorded. The bare contestant
trusts nobody and records nothing: aioboto3's PUT, GET, and SHA-256.
"""

import asyncio
import contextlib
import hashlib
import io
import os
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp

from techdengue.dev.seaweedfs import EmbeddedSeaweed, S3Address

from .measure import Named, Options, Row, Target, percentile, tell
from .stage import Server, Stage

_BYTES: Final = 2 * 1024 * 1024
_UPLOADS: Final = 64
_AT_ONCE: Final = 8
_MUNICIPIO: Final = "5103403"
_JPEG: Final = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=120)
_LIMIT: Final = 0.5
"""Of the bare contestant's rate: three calls, an audit entry and an event more, and half the bytes not read back."""


async def _measure(stage: Stage, options: Options) -> Sequence[Row]:
    bare, ours, completions = [], [], []
    database = await stage.database()
    async with _store() as s3, stage.serving(database, environment=_environment(s3)) as server:
        for number in range(options.rounds):
            tell(f"evidence: round {number + 1} of {options.rounds}")
            bodies = [_JPEG + os.urandom(_BYTES - len(_JPEG)) for _ in range(_UPLOADS)]
            bare.append(await _bare(s3, bodies))
            rate, waits = await _uploads(server, bodies)
            ours.append(rate)
            completions.append(percentile(waits, 0.5) * 1e3)
    await stage.drop(database)
    target = Target(limit=_LIMIT)
    return [
        _row("aioboto3: PUT, GET, SHA-256", "files/s", bare),
        _row("uploads of 2 MiB, begun, sent, verified", "files/s", ours, bare, target),
        _row("… of these the verification, p50", "ms", completions),
    ]


def _row(
    contestant: str, unit: str, values: Sequence[float], references: Sequence[float] = (), target: Target | None = None
) -> Row:
    return Row(
        measure="evidence",
        contestant=f"{contestant}, {_AT_ONCE} at once" if unit == "files/s" else contestant,
        unit=unit,
        values=tuple(values),
        references=tuple(references),
        target=target,
    )


@contextlib.asynccontextmanager
async def _store() -> AsyncIterator[S3Address]:
    with tempfile.TemporaryDirectory(prefix="techdengue-evidence-") as directory:
        seaweed = EmbeddedSeaweed(Path(directory) / "s3")
        await seaweed.start()
        try:
            yield seaweed.address
        finally:
            await seaweed.stop()


def _environment(s3: S3Address) -> dict[str, str]:
    return {
        "TECHDENGUE_S3_ENDPOINT_URL": s3.endpoint_url,
        "TECHDENGUE_S3_ACCESS_KEY": s3.access_key,
        "TECHDENGUE_S3_SECRET_KEY": s3.secret_key,
        "TECHDENGUE_S3_BUCKET": s3.bucket,
    }


async def _bare(s3: S3Address, bodies: Sequence[bytes]) -> float:
    import aioboto3  # takes a second: only this measure waits for it

    session = aioboto3.Session(s3.access_key, s3.secret_key, region_name=s3.region)
    async with session.client("s3", endpoint_url=s3.endpoint_url) as client:

        async def one(body: bytes) -> None:
            key = f"bare/{uuid.uuid4()}"
            await client.put_object(Bucket=s3.bucket, Key=key, Body=body)
            answer = await client.get_object(Bucket=s3.bucket, Key=key)
            async with answer["Body"] as stream:
                digest = await asyncio.to_thread(hashlib.sha256, await stream.read())
            if digest.digest() != hashlib.sha256(body).digest():
                raise RuntimeError("other bytes came back")

        return await _rate(one, bodies)


async def _uploads(server: Server, bodies: Sequence[bytes]) -> tuple[float, list[float]]:
    """Files a second, and the seconds of each verification."""
    headers = {"authorization": f"Bearer {server.token(_MUNICIPIO)}", "x-device-id": f"bench-{uuid.uuid4()}"}
    waits: list[float] = []
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as web:
        ids = await _create(web, server, headers, bodies)

        async def one(body: bytes) -> None:
            address = f"{server.url}/api/evidencias/{ids[body[-32:]]}/upload"
            async with web.post(address, headers=headers) as answer:
                answer.raise_for_status()
                part = (await answer.json())["missing"][0]
            async with web.put(part["url"], data=io.BytesIO(body), headers=part["headers"]) as sent:
                sent.raise_for_status()
            started = time.perf_counter()
            async with web.post(f"{address}/complete", headers=headers) as answer:
                answer.raise_for_status()
            waits.append(time.perf_counter() - started)

        return await _rate(one, bodies), waits


async def _create(
    web: aiohttp.ClientSession, server: Server, headers: dict[str, str], bodies: Sequence[bytes]
) -> dict[bytes, str]:
    """An evidencia of each file; by the file's end, its id."""
    visit = str(uuid.uuid4())
    ids = {body[-32:]: str(uuid.uuid4()) for body in bodies}
    operations = [_created("atividade", visit, {"tipo": "VISTORIA", "municipio_cod_ibge": _MUNICIPIO})]
    operations += [
        _created(
            "evidencia",
            ids[body[-32:]],
            {
                "atividade_id": visit,
                "tipo": "FOTO",
                "content_type": "image/jpeg",
                "hash_sha256": hashlib.sha256(body).hexdigest(),
                "tamanho_bytes": len(body),
            },
        )
        for body in bodies
    ]
    async with web.post(f"{server.url}/api/sync", json={"operations": operations}, headers=headers) as answer:
        answer.raise_for_status()
        if (await answer.json())["errors"]:
            raise RuntimeError("an evidencia was not taken")
    return ids


def _created(entity_type: str, entity_id: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "entity_type": entity_type,
        "entity_id": entity_id,
        "operation": "create",
        "data": data,
        "client_timestamp": "2026-11-28T12:00:00Z",
        "idempotency_key": str(uuid.uuid4()),
    }


async def _rate(one: Callable[[bytes], Coroutine[Any, Any, None]], bodies: Sequence[bytes]) -> float:
    left = list(bodies)

    async def take() -> None:
        while left:
            await one(left.pop())

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(take())
    return len(bodies) / (time.perf_counter() - started)


EVIDENCE = Named("evidence", lambda options: options.rounds * 15, _measure)
