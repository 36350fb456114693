"""Files under keys: everything that the product asks of an S3 server, over one client that is kept open.

`bucket` is the address's own where none is named. Sizes are bytes. Every call raises StorageAway when the store is
away or takes too long, StorageRefused when it refuses, beside what it says itself.
"""

import base64
import contextlib
import datetime as dt
import functools
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

from .address import Address
from .calling import call
from .errors import NoSuchObject, NoSuchUpload, StorageAway, StorageRefused
from .model import ObjectHead, Part, newest_parts

MOST_DELETED: Final = 1_000
"""Keys that one DeleteObjects takes."""
MOST_PARTS_LISTED: Final = 1_000

_CONNECTIONS: Final = 64
_CONNECT_SECONDS: Final = 3.0
_SECONDS_A_MEBIBYTE: Final = 1.0
"""What a call may take more for each MiB that it carries."""
_MIB: Final = 1 << 20


@contextlib.asynccontextmanager
async def open_storage(address: Address, *, attempt_seconds: float) -> AsyncIterator["Storage"]:
    """A store that lives as long as the context; asks nothing of the server yet."""
    async with Storage(address, attempt_seconds=attempt_seconds).opened() as storage:
        yield storage


class Storage:
    """The S3 server of an address, once it is opened: until then every call raises StorageAway."""

    def __init__(self, address: Address, *, attempt_seconds: float) -> None:
        """`attempt_seconds` is the time of one attempt of a call."""
        self._address = address
        self._seconds = attempt_seconds
        self._opened: _Clients | None = None
        self.bucket = address.bucket
        self.archive_bucket = address.archive_bucket

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator["Storage"]:
        """Open for as long as the context; asks nothing of the server yet."""
        async with _clients(self._address, self._seconds) as clients:
            self._opened = clients
            try:
                yield self
            finally:
                self._opened = None

    @property
    def _client(self) -> Any:
        return self._clients_now.client

    @property
    def _signer(self) -> Any:
        return self._clients_now.signer

    @property
    def _clients_now(self) -> "_Clients":
        if self._opened is None:
            raise StorageAway("the object store is not opened")
        return self._opened

    async def put(self, key: str, body: bytes, *, content_type: str, bucket: str | None = None) -> str:
        """Store an object, in place of what was under its key; its ETag. The store checks the bytes' SHA-256."""
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        answer = await self._call(
            "put_object",
            lambda: self._client.put_object(
                Bucket=bucket or self.bucket, Key=key, Body=body, ContentType=content_type, ChecksumSHA256=checksum
            ),
            carries=len(body),
        )
        return str(answer["ETag"])

    async def get(self, key: str, *, bucket: str | None = None) -> bytes:
        """All bytes of an object. Raises NoSuchObject."""
        head = await self.head(key, bucket=bucket)
        if head is None:
            raise NoSuchObject(key)
        return b"".join([piece async for piece in self.pieces(key, head, bucket=bucket)])

    async def read(self, key: str, start: int, length: int, *, etag: str, bucket: str | None = None) -> bytes:
        """Up to `length` bytes of the object with this ETag, from `start`. Raises NoSuchObject, ObjectChanged."""

        async def ask() -> bytes:
            answer = await self._client.get_object(
                Bucket=bucket or self.bucket, Key=key, Range=f"bytes={start}-{start + length - 1}", IfMatch=etag
            )
            async with answer["Body"] as body:
                return bytes(await body.read())

        read: bytes = await self._call("get_object", ask, carries=length)
        return read

    async def pieces(
        self, key: str, head: ObjectHead, *, size: int = 8 * _MIB, bucket: str | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes of an object in pieces of `size`, each read by itself. Raises NoSuchObject, ObjectChanged."""
        for start in range(0, head.size, size):
            yield await self.read(key, start, min(size, head.size - start), etag=head.etag, bucket=bucket)

    async def head(self, key: str, *, bucket: str | None = None) -> ObjectHead | None:
        """What is known of an object; None where there is none."""
        try:
            answer = await self._call(
                "head_object",
                lambda: self._client.head_object(Bucket=bucket or self.bucket, Key=key, ChecksumMode="ENABLED"),
            )
        except NoSuchObject:
            return None
        return _head(answer)

    async def copy(
        self, key: str, to_key: str, *, bucket: str | None = None, to_bucket: str | None = None, etag: str | None = None
    ) -> None:
        """Copy within the store; with `etag`, only that very object. Raises NoSuchObject, ObjectChanged."""
        source = {"Bucket": bucket or self.bucket, "Key": key}
        condition = {} if etag is None else {"CopySourceIfMatch": etag}
        await self._call(
            "copy_object",
            lambda: self._client.copy_object(
                Bucket=to_bucket or self.bucket, Key=to_key, CopySource=source, **condition
            ),
        )

    async def delete_many(self, keys: Sequence[str], *, bucket: str | None = None) -> list[str]:
        """Delete objects, whether or not they are there; the keys of those that the store kept."""
        kept: list[str] = []
        for start in range(0, len(keys), MOST_DELETED):
            objects = [{"Key": key} for key in keys[start : start + MOST_DELETED]]
            wanted = {"Objects": objects, "Quiet": True}
            answer = await self._call("delete_objects", functools.partial(self._delete, wanted, bucket))
            kept += [str(error["Key"]) for error in answer.get("Errors", ()) if error.get("Code") != "NoSuchKey"]
        return kept

    async def keys(self, prefix: str, *, bucket: str | None = None) -> AsyncIterator[str]:
        """The keys that begin with `prefix`, in order."""
        async for key, _ in self.objects(prefix, bucket=bucket):
            yield key

    async def objects(self, prefix: str, *, bucket: str | None = None) -> AsyncIterator[tuple[str, dt.datetime]]:
        """The keys that begin with `prefix`, in order, each with the time when its object was last written."""
        more: dict[str, str] = {}
        while True:
            answer = await self._call("list_objects", functools.partial(self._list, prefix, more, bucket))
            for found in answer.get("Contents", ()):
                yield str(found["Key"]), found["LastModified"]
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    async def make_bucket(self, bucket: str) -> None:
        """Make a bucket, where it is not there yet."""
        try:
            await self._call("create_bucket", lambda: self._client.create_bucket(Bucket=bucket))
        except StorageRefused as refusal:
            if refusal.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise

    async def presign_get(
        self, key: str, *, expires: dt.timedelta, headers: dict[str, str] | None = None, bucket: str | None = None
    ) -> str:
        """An address from which anybody may read an object for so long. `headers` are S3's Response… overrides."""
        params = {"Bucket": bucket or self.bucket, "Key": key, **(headers or {})}
        return await self._presign("get_object", params, expires)

    async def presign_put(
        self, key: str, *, size: int, sha256: bytes, content_type: str, expires: dt.timedelta
    ) -> tuple[str, dict[str, str]]:
        """An address to which exactly these bytes may be sent for so long, and the headers to send with them.

        Size, type and SHA-256 are signed, and the store refuses bytes of another SHA-256.
        """
        checksum = base64.b64encode(sha256).decode()
        params = {
            "Bucket": self.bucket,
            "Key": key,
            "ContentLength": size,
            "ContentType": content_type,
            "ChecksumSHA256": checksum,
        }
        headers = {"content-length": str(size), "content-type": content_type, "x-amz-checksum-sha256": checksum}
        return await self._presign("put_object", params, expires), headers

    async def presign_part(self, key: str, upload: str, part: int, *, size: int, expires: dt.timedelta) -> str:
        """An address to which one part of `size` bytes may be sent for so long."""
        params = {"Bucket": self.bucket, "Key": key, "UploadId": upload, "PartNumber": part, "ContentLength": size}
        return await self._presign("upload_part", params, expires)

    async def begin_multipart(self, key: str, *, content_type: str) -> str:
        """Begin a multipart upload; its id. Sent again after a lost answer, it begins another one."""
        answer = await self._call(
            "create_multipart_upload",
            lambda: self._client.create_multipart_upload(Bucket=self.bucket, Key=key, ContentType=content_type),
        )
        return str(answer["UploadId"])

    async def parts(self, key: str, upload: str) -> tuple[Part, ...]:
        """The parts that are there, by number. Raises NoSuchUpload."""
        listed: list[Part] = []
        after = 0
        while True:
            answer = await self._call("list_parts", functools.partial(self._list_parts, key, upload, after))
            listed += [
                Part(
                    number=int(part["PartNumber"]),
                    size=int(part["Size"]),
                    etag=str(part["ETag"]),
                    modified_at=part.get("LastModified"),
                )
                for part in answer.get("Parts", ())
            ]
            if not answer.get("IsTruncated"):
                return newest_parts(listed)
            after = int(answer["NextPartNumberMarker"])

    async def finish_multipart(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        """Put the parts together. Raises NoSuchUpload: then it was done before, or aborted."""
        named = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        await self._call(
            "complete_multipart_upload",
            lambda: self._client.complete_multipart_upload(
                Bucket=self.bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": named}
            ),
            carries=sum(part.size for part in parts),
        )

    async def multiparts(self, prefix: str) -> AsyncIterator[tuple[str, str, dt.datetime]]:
        """Multipart uploads under way whose keys begin with `prefix`: key, id, and when each was begun."""
        more: dict[str, str] = {}
        while True:
            answer = await self._call("list_multipart_uploads", functools.partial(self._list_multiparts, prefix, more))
            for found in answer.get("Uploads", ()):
                yield str(found["Key"]), str(found["UploadId"]), found["Initiated"]
            if not answer.get("IsTruncated"):
                return
            more = {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer["NextUploadIdMarker"]}

    async def abort_multipart(self, key: str, upload: str) -> None:
        """Forget a multipart upload and its parts, whether or not it is there."""
        with contextlib.suppress(NoSuchUpload, NoSuchObject):
            await self._call(
                "abort_multipart_upload",
                lambda: self._client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload),
            )

    async def _call(self, operation: str, ask: Callable[[], Awaitable[Any]], *, carries: int = 0) -> Any:
        return await call(operation, ask, seconds=self._seconds + carries / _MIB * _SECONDS_A_MEBIBYTE)

    async def _presign(self, operation: str, params: dict[str, Any], expires: dt.timedelta) -> str:
        url: str = await self._signer.generate_presigned_url(
            operation, Params=params, ExpiresIn=int(expires.total_seconds())
        )
        return url

    def _delete(self, wanted: dict[str, Any], bucket: str | None) -> Awaitable[Any]:
        answer: Awaitable[Any] = self._client.delete_objects(Bucket=bucket or self.bucket, Delete=wanted)
        return answer

    def _list(self, prefix: str, more: dict[str, str], bucket: str | None) -> Awaitable[Any]:
        answer: Awaitable[Any] = self._client.list_objects_v2(Bucket=bucket or self.bucket, Prefix=prefix, **more)
        return answer

    def _list_multiparts(self, prefix: str, more: dict[str, str]) -> Awaitable[Any]:
        answer: Awaitable[Any] = self._client.list_multipart_uploads(Bucket=self.bucket, Prefix=prefix, **more)
        return answer

    def _list_parts(self, key: str, upload: str, after: int) -> Awaitable[Any]:
        answer: Awaitable[Any] = self._client.list_parts(
            Bucket=self.bucket, Key=key, UploadId=upload, PartNumberMarker=after, MaxParts=MOST_PARTS_LISTED
        )
        return answer


def _head(answer: Any) -> ObjectHead:
    checksum = answer.get("ChecksumSHA256")
    whole = checksum is not None and answer.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT" and "-" not in checksum
    return ObjectHead(
        size=int(answer["ContentLength"]),
        etag=str(answer["ETag"]),
        content_type=str(answer.get("ContentType", "")),
        sha256=base64.b64decode(checksum) if whole else None,
        modified_at=answer["LastModified"],
    )


class _Clients(NamedTuple):
    client: Any
    signer: Any
    """Makes addresses that devices reach; never sends anything."""


@contextlib.asynccontextmanager
async def _clients(address: Address, attempt_seconds: float) -> AsyncIterator[_Clients]:
    import aioboto3  # takes a second: only those who use it wait for it
    from botocore.config import Config

    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        retries={"total_max_attempts": 1, "mode": "standard"},  # ours: calling.S3_RETRY
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=attempt_seconds,
        max_pool_connections=_CONNECTIONS,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = aioboto3.Session(
        aws_access_key_id=address.access_key or None,
        aws_secret_access_key=address.secret_key or None,
        region_name=address.region,
    )
    async with (
        session.client("s3", endpoint_url=address.endpoint_url or None, config=config) as client,
        session.client("s3", endpoint_url=address.public_endpoint_url or None, config=config) as signer,
    ):
        yield _Clients(client, signer)
