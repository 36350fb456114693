"""Reports: an EVD01 of thirty photos of 3 MB and 12 megapixels, from queued to committed, in a fresh worker process.

The photos are made here: noise and shapes, as large as a camera's. The first of a process pays for loading the
typesetter. The seed's claim is 3 seconds, for thumbnails that the job describe_evidence has made; where it has not, the
photos themselves are read, 110 MB of them, and no claim is made.
"""

import asyncio
import io
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import msgspec
from PIL import Image

from jobs.evidence.looking import look_at
from techdengue.dev.database import Database
from techdengue.dev.seaweedfs import EmbeddedSeaweed, S3Address
from techdengue.storage import open_storage
from tests.jobs.reports.samples import CUIABA
from tests.jobs.reports.stage import Stage as Evidence
from tests.storage.conftest import address_at

from .measure import Named, Options, Row, Target, tell
from .report_maker import Made
from .stage import Stage

_PHOTOS = 30
_SIDES = (4000, 3000)
_SECONDS, _MOST_MIB = 3.0, 400.0


async def _measure(stage: Stage, options: Options) -> Sequence[Row]:
    database = await stage.database()
    with tempfile.TemporaryDirectory(prefix="techdengue-bench-s3-") as home:
        server = EmbeddedSeaweed(Path(home))
        await server.start()
        try:
            await _prepare(database, server.address)
            described = await _made(database, server.address, "described", options.rounds)
            raw = await _made(database, server.address, "raw", options.rounds)
        finally:
            await server.stop()
    await stage.drop(database)
    seed = Target(limit=_SECONDS, at_most=True, of="median")
    return [*_rows("thumbnails there", described, seed), *_rows("thumbnails made on the way", raw, None)]


def _rows(how: str, made: Made, reach: Target | None) -> list[Row]:
    first, later = tuple(made.seconds[:1]), tuple(made.seconds[1:])
    return [
        Row(measure="reports", contestant=f"EVD01, 30 photos, {how}, first", unit="s", values=first, target=reach),
        Row(measure="reports", contestant=f"EVD01, 30 photos, {how}", unit="s", values=later, target=reach),
        Row(
            measure="reports",
            contestant=f"CPU of the worker for one, {how}",
            unit="s",
            values=tuple(made.processor[1:]),
        ),
        Row(
            measure="reports",
            contestant=f"memory of the worker, {how}",
            unit="MiB",
            values=(made.most_mib,),
            target=Target(limit=_MOST_MIB, at_most=True, of="median"),
        ),
    ]


async def _prepare(database: Database, address: S3Address) -> None:
    tell("reports: taking photos")
    photo = await asyncio.to_thread(_photo)
    small = (await asyncio.to_thread(look_at, photo)).thumbnail
    if small is None:
        raise RuntimeError("the photo of the bench is no photo")
    connection = await asyncpg.connect(database.owner_url)
    try:
        async with open_storage(address_at(address), attempt_seconds=10.0) as storage:
            evidence = Evidence(connection, storage)
            for activity, thumbnail in (("described", small), ("raw", None)):
                await evidence.activity(activity)
                for number in range(_PHOTOS):
                    content = photo + number.to_bytes(
                        2, "big"
                    )  # behind the picture's end: another file, the same picture
                    await evidence.photo(
                        f"{activity}-{number}", atividade_id=activity, content=content, thumbnail=thumbnail
                    )
    finally:
        await connection.close()


async def _made(database: Database, address: S3Address, activity: str, rounds: int) -> Made:
    tell(f"reports: {rounds + 1} of an activity, {activity}")
    environment = {
        **os.environ,
        "TECHDENGUE_DATABASE_URL": database.server_url,
        "TECHDENGUE_S3_ENDPOINT_URL": address.endpoint_url,
        "TECHDENGUE_S3_REGION": address.region,
        "TECHDENGUE_S3_ACCESS_KEY": address.access_key,
        "TECHDENGUE_S3_SECRET_KEY": address.secret_key,
        "TECHDENGUE_S3_BUCKET": address.bucket,
    }
    command = [sys.executable, "-m", "tests.bench.report_maker", CUIABA, activity, str(rounds + 1)]
    maker = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    told, _ = await maker.communicate()
    if maker.returncode:
        raise RuntimeError(f"the worker ended with {maker.returncode}")
    return msgspec.json.decode(told, type=Made)


def _photo() -> bytes:
    """A JPEG of 12 megapixels and some 3 MB."""
    chance = random.Random(7)  # noqa: S311 - a picture, not a secret
    noise = Image.frombytes("RGB", (1000, 750), chance.randbytes(1000 * 750 * 3))
    file = io.BytesIO()
    noise.resize(_SIDES, Image.Resampling.BICUBIC).save(file, "JPEG", quality=72)
    return file.getvalue()


REPORTS = Named("reports", lambda options: 20 + 4 * options.rounds, _measure)
