"""What the store does on a real S3 server."""

import datetime as dt
import hashlib
import io
import os
import uuid

import aiohttp
import pytest

from techdengue.settings import Settings
from techdengue.storage import NoSuchObject, NoSuchUpload, ObjectChanged, Part, Storage, StorageRefused, address_of
from techdengue.storage.model import newest_parts

MINUTE = dt.timedelta(minutes=1)
MIB = 1 << 20


def new_key() -> str:
    return f"tests/{uuid.uuid4()}"


async def send(url: str, body: bytes, headers: dict[str, str] | None = None) -> int:
    async with aiohttp.ClientSession() as session, session.put(url, data=io.BytesIO(body), headers=headers) as answer:
        return answer.status


async def test_what_is_put_is_got_with_its_size_type_and_checksum(storage: Storage) -> None:
    key, body = new_key(), os.urandom(100_000)
    etag = await storage.put(key, body, content_type="image/png")
    head = await storage.head(key)
    assert head is not None
    assert (head.size, head.etag, head.content_type) == (len(body), etag, "image/png")
    assert head.sha256 == hashlib.sha256(body).digest()
    assert await storage.get(key) == body


async def test_an_object_is_read_in_pieces_and_no_other_one_in_the_middle(storage: Storage) -> None:
    key, body = new_key(), os.urandom(2 * MIB + 5)
    await storage.put(key, body, content_type="video/mp4")
    head = await storage.head(key)
    assert head is not None
    pieces = [piece async for piece in storage.pieces(key, head, size=MIB)]
    assert [len(piece) for piece in pieces] == [MIB, MIB, 5]
    assert b"".join(pieces) == body
    await storage.put(key, body[::-1], content_type="video/mp4")
    with pytest.raises(ObjectChanged):
        await storage.read(key, 0, 10, etag=head.etag)


async def test_nothing_under_a_key_is_said(storage: Storage) -> None:
    assert await storage.head(new_key()) is None
    with pytest.raises(NoSuchObject):
        await storage.get(new_key())
    with pytest.raises(NoSuchObject):
        await storage.copy(new_key(), new_key())


async def test_copies_go_to_another_bucket_and_only_of_the_object_that_was_meant(storage: Storage) -> None:
    key, to_key = new_key(), new_key()
    await storage.make_bucket(storage.archive_bucket)
    await storage.make_bucket(storage.archive_bucket)
    etag = await storage.put(key, b"a report", content_type="application/pdf")
    await storage.copy(key, to_key, to_bucket=storage.archive_bucket, etag=etag)
    assert await storage.get(to_key, bucket=storage.archive_bucket) == b"a report"
    with pytest.raises(ObjectChanged):
        await storage.copy(key, new_key(), etag='"another"')


async def test_many_objects_are_deleted_at_once_whether_or_not_they_are_there(storage: Storage) -> None:
    prefix = new_key()
    keys = [f"{prefix}/{number:04}" for number in range(1_100)]
    for key in (keys[0], keys[-1]):
        await storage.put(key, b"x", content_type="text/plain")
    assert [key async for key in storage.keys(prefix)] == [keys[0], keys[-1]]
    assert await storage.delete_many(keys) == []
    assert [key async for key in storage.keys(prefix)] == []


async def test_a_presigned_put_takes_just_the_bytes_that_were_announced(storage: Storage) -> None:
    key, body = new_key(), os.urandom(50_000)
    url, headers = await storage.presign_put(
        key, size=len(body), sha256=hashlib.sha256(body).digest(), content_type="image/jpeg", expires=MINUTE
    )
    other = os.urandom(len(body))
    assert await send(url, other, headers) == 400
    assert await send(url, body[:-1], {**headers, "content-length": str(len(body) - 1)}) == 403
    assert await send(url, body, {**headers, "content-type": "text/html"}) == 403
    assert await send(url, body) == 403
    assert await storage.head(key) is None
    assert await send(url, body, headers) == 200
    assert await send(url, other, headers) == 400
    assert await storage.get(key) == body


async def test_a_presigned_address_ends(storage: Storage) -> None:
    key = new_key()
    await storage.put(key, b"x", content_type="text/plain")
    url = await storage.presign_get(key, expires=MINUTE)
    assert "X-Amz-Expires=60" in url
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            assert await answer.read() == b"x"
        async with session.get(url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000")) as answer:
            assert answer.status == 403


async def test_a_multipart_upload_says_what_is_there_and_is_put_together_once(storage: Storage) -> None:
    key, parts = new_key(), (os.urandom(5 * MIB), os.urandom(1_000))
    upload = await storage.begin_multipart(key, content_type="video/mp4")
    assert await storage.parts(key, upload) == ()
    for number, body in enumerate(parts, 1):
        url = await storage.presign_part(key, upload, number, size=len(body), expires=MINUTE)
        assert await send(url, body[:-1]) == 403
        assert await send(url, body) == 200
        assert await send(url, body) == 200
        assert [part.number for part in await storage.parts(key, upload)] == list(range(1, number + 1))
    there = await storage.parts(key, upload)
    assert [part.size for part in there] == [len(body) for body in parts]
    await storage.finish_multipart(key, upload, there)
    assert await storage.get(key) == b"".join(parts)
    with pytest.raises(NoSuchUpload):
        await storage.parts(key, upload)


def test_of_a_part_that_is_listed_twice_the_newer_one_counts() -> None:
    old, new = (dt.datetime(2026, 1, 1, 0, 0, second, tzinfo=dt.UTC) for second in (1, 2))
    first, second = (Part(number=1, size=5, etag=etag, modified_at=at) for etag, at in (("a", new), ("b", old)))
    other = Part(number=2, size=1, etag="c")
    assert newest_parts([other, first, second]) == newest_parts([second, first, other]) == (first, other)


async def test_an_aborted_upload_leaves_nothing_and_may_be_aborted_again(storage: Storage) -> None:
    key = new_key()
    upload = await storage.begin_multipart(key, content_type="video/mp4")
    await storage.abort_multipart(key, upload)
    await storage.abort_multipart(key, upload)
    with pytest.raises(NoSuchUpload):
        await storage.parts(key, upload)


async def test_a_refusal_carries_the_stores_own_code(storage: Storage) -> None:
    with pytest.raises(StorageRefused) as refused:
        await storage.make_bucket("no")
    assert refused.value.code
    assert 400 <= refused.value.status < 500


def test_the_store_is_where_the_settings_say_and_nowhere_without_a_bucket() -> None:
    none = Settings(database_url="postgresql://db")
    assert address_of(none) is None
    some = address_of(Settings(database_url="postgresql://db", s3_bucket="b", s3_endpoint_url="http://s3"))
    assert some is not None
    assert (some.archive_bucket, some.public_endpoint_url) == ("b-archive", "http://s3")
