"""What the object store can answer instead of what was asked.

StorageError
├── StorageAway       it cannot be reached, is overloaded, or takes too long: ask again later
├── NoSuchObject      nothing is under this key
├── NoSuchUpload      this multipart upload was completed, aborted, or never begun
├── ObjectChanged     what is under the key is not what was meant
└── StorageRefused    it understood and refused: a matter of rights, names or sizes
"""


class StorageError(Exception):
    """The object store did not do what was asked."""


class StorageAway(StorageError):
    """It cannot be reached, is overloaded, or takes too long; `retry_after` is in seconds."""

    def __init__(self, reason: str, *, retry_after: int = 5) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class NoSuchObject(StorageError):
    """Nothing is under this key."""


class NoSuchUpload(StorageError):
    """This multipart upload was completed, aborted, or never begun."""


class ObjectChanged(StorageError):
    """What is under the key is not what was meant: its ETag is another one."""


class StorageRefused(StorageError):
    """It understood and refused; `code` is S3's."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(f"S3 answers {status} {code}")
        self.code = code
        self.status = status
