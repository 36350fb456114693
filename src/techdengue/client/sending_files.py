"""Uploading files: what is missing goes to the object store, and the server verifies it (docs/evidence.md).

Nothing is kept of how far an upload is: the server knows, and is asked again after a cut or a restart.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec

from . import wire
from .errors import Unreachable
from .files import Files, piece_of
from .link import Link
from .model import FilesReport, QueuedFile
from .observer import Observer
from .retry import Patience, RetryState
from .transport import Response
from .verdict import check

_TURNS: Final = 4
"""How often an upload is begun in one go: addresses end, and the evidencia may change meanwhile."""
_TAKEN: Final = frozenset({200, 201, 204})
_CUT: Final = (b"<Code>RequestTimeout</Code>", b"<Code>IncompleteBody</Code>")
"""S3's 400 for a body of which it got a part: the network's doing, not the file's."""
_ASK_AGAIN: Final = frozenset({"upload_not_begun", "upload_incomplete", "upload_outdated"})
_NO_CALL_OF_THIS_SERVER: Final = frozenset({404, 405, 501})


class FileRefused(Exception):
    """The server will not take this file."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class FileSender:
    """Sends what waits in `files`. `is_held_back` says of a file that its evidencia is not on the server yet."""

    def __init__(
        self,
        files: Files,
        link: Link,
        retry: RetryState,
        is_held_back: Callable[[QueuedFile], bool],
        observer: Observer,
    ) -> None:
        self._files = files
        self._link = link
        self._retry = retry
        self._is_held_back = is_held_back
        self._observer = observer

    async def send(self, patience: Patience) -> FilesReport:
        """Send every file that may be sent. Raises Unauthorized, Forbidden or UnexpectedAnswer; files stay queued."""
        uploaded = refused = held_back = 0
        for file in self._files.waiting():
            if self._is_held_back(file):
                held_back += 1
                continue
            try:
                problem = await self._persist(file, patience)
            except FileRefused as refusal:
                self._files.refuse(file, refusal.code, str(refusal))
                self._observer.file_refused(file, refusal.code)
                refused += 1
                continue
            if problem is not None:
                return FilesReport(uploaded=uploaded, refused=refused, held_back=held_back, problem=problem)
            self._files.remove(file)
            self._observer.file_verified(file)
            uploaded += 1
        return FilesReport(uploaded=uploaded, refused=refused, held_back=held_back)

    async def _persist(self, file: QueuedFile, patience: Patience) -> str | None:
        """Send a file, again and again while the patience lasts; what stood in the way at last, None for nothing."""
        problem = "the server was out of reach a moment ago"
        while await patience.wait(self._retry.remaining()):
            try:
                await self._upload(file)
            except Unreachable as error:
                self._retry.failed(error)
                self._observer.failed(error)
                problem = str(error)
            else:
                self._retry.succeeded()
                return None
        return problem

    async def _upload(self, file: QueuedFile) -> None:
        for _ in range(_TURNS):
            upload = self._read(await self._link.ask_of_file("POST", file, "upload"), wire.Upload)
            if upload is None:
                continue
            if upload.status == "verified" or (await self._send_missing(file, upload) and await self._complete(file)):
                return
        raise Unreachable("the upload does not come to its end")

    async def _send_missing(self, file: QueuedFile, upload: wire.Upload) -> bool:
        """Send what is missing; False where the addresses are not good any more."""
        sent = sum(part.size for part in upload.there)
        self._observer.file_progress(file, sent)
        for part in upload.missing:
            try:
                body = await asyncio.to_thread(piece_of, file.path, part.offset, part.size)
            except OSError as error:
                raise FileRefused("file_missing", f"the file cannot be read: {error.strerror}") from error
            if len(body) != part.size:
                raise FileRefused("file_changed", "the file is shorter than when it was attached")
            answer = await self._link.put_part(part.url, part.headers, body)
            if answer.status in (403, 404):
                return False
            if answer.status == 400 and not any(code in answer.body for code in _CUT):
                raise FileRefused("file_changed", "the object store says that these are other bytes than announced")
            if answer.status not in _TAKEN:
                raise Unreachable(f"the object store answered {answer.status}")
            sent += part.size
            self._observer.file_progress(file, sent)
        return True

    async def _complete(self, file: QueuedFile) -> bool:
        """Have it verified; False where more is to be sent."""
        return self._read(await self._link.ask_of_file("POST", file, "upload/complete"), wire.Verified) is not None

    def _read(self, answer: Response, kind: type[Any]) -> Any:
        """The answer; None where to ask anew. Raises FileRefused, LinkError."""
        if answer.status == 200:
            try:
                return msgspec.json.decode(answer.body, type=kind)
            except msgspec.DecodeError as error:
                raise Unreachable(f"the answer is not a sync server's: {error}") from error
        code = wire.code_of(answer.body)
        if code in _ASK_AGAIN:
            return None
        if code and answer.status in (404, 409, 410, 422):
            raise FileRefused(code, wire.detail_of(answer.body))
        if answer.status in _NO_CALL_OF_THIS_SERVER:
            raise Unreachable("the server keeps no files")
        check(answer)
        return None
