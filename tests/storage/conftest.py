"""A store over the real S3 server of this test process."""

from collections.abc import AsyncIterator

import pytest

from techdengue.dev.seaweedfs import S3Address
from techdengue.storage import Address, Storage, open_storage


def address_at(s3: S3Address) -> Address:
    """The store's address of a running server."""
    return Address(
        endpoint_url=s3.endpoint_url,
        public_endpoint_url=s3.endpoint_url,
        region=s3.region,
        access_key=s3.access_key,
        secret_key=s3.secret_key,
        bucket=s3.bucket,
        archive_bucket=f"{s3.bucket}-archive",
    )


@pytest.fixture(scope="session")
async def storage(s3: S3Address) -> AsyncIterator[Storage]:
    """A store that is open as long as the tests run."""
    async with open_storage(address_at(s3), attempt_seconds=10.0) as opened:
        yield opened
