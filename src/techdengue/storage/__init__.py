"""The object store: files under keys in buckets of an S3 server."""

from .address import Address, address_of
from .errors import NoSuchObject, NoSuchUpload, ObjectChanged, StorageAway, StorageError, StorageRefused
from .model import ObjectHead, Part, RetryPolicy
from .storage import MOST_DELETED, Storage, open_storage

__all__ = [
    "MOST_DELETED",
    "Address",
    "NoSuchObject",
    "NoSuchUpload",
    "ObjectChanged",
    "ObjectHead",
    "Part",
    "RetryPolicy",
    "Storage",
    "StorageAway",
    "StorageError",
    "StorageRefused",
    "address_of",
    "open_storage",
]
