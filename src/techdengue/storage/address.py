"""Where the object store is, and who asks: from the settings."""

import msgspec

from techdengue.settings import Settings

_ARCHIVE = "-archive"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """An S3 server and the buckets of ours in it. Path style, signature version 4."""

    endpoint_url: str
    """Empty: AWS, by region."""
    public_endpoint_url: str
    """What presigned addresses begin with: where devices reach the same server."""
    region: str
    access_key: str
    """Empty: whatever the machine gives its programs (botocore's chain of providers)."""
    secret_key: str
    bucket: str
    archive_bucket: str


def address_of(settings: Settings) -> Address | None:
    """The store that the settings name; None where they name no bucket."""
    if not settings.s3_bucket:
        return None
    return Address(
        endpoint_url=settings.s3_endpoint_url,
        public_endpoint_url=settings.s3_public_endpoint_url or settings.s3_endpoint_url,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        bucket=settings.s3_bucket,
        archive_bucket=settings.s3_archive_bucket or settings.s3_bucket + _ARCHIVE,
    )
