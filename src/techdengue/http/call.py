"""One request on its way through a handler: its parameters and body read strictly, its answer written once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar.response.base import ASGIResponse

from techdengue.domain.access import Caller
from techdengue.domain.operation import CONSOLE_DEVICE_PREFIX, SERVER_DEVICE_PREFIX
from techdengue.intake.off_loop import off_loop

from . import media
from .auditing import Audited, Told, entry_of, record
from .batch import implausible, read_json, read_msgpack
from .body import Caps, read_body
from .edge import ENCODED_SLASH, UNTIMED_KEY
from .faults import fault_of, parameter_fault
from .ports import Admission
from .problems import Problem, unauthenticated
from .services import Services

Shape = TypeVar("Shape")

MOST_OF_A_FORM: Final = 64 * 1024
"""Bytes of a body that holds no operations and no document: reading it must cost nobody else anything, for some of
these calls are anybody's."""
_LONGEST_DEVICE_ID = 128


class Call:
    """A request, its caller and the services. `accept` is the media type that the answer will have."""

    __slots__ = ("_admission", "_headers", "_held", "_receive", "_scope", "accept", "services", "told")

    def __init__(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], services: Services, offers: tuple[str, ...]
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._admission: Admission | None = None
        self._held = 0
        self.services = services
        self.told = Told()
        self.accept = media.choose(self.header(b"accept"), offers)

    @property
    def admission(self) -> Admission:
        """Who calls, and until when; only endpoints that need a role have one."""
        assert self._admission is not None  # noqa: S101 - the role table says that this endpoint has a caller
        return self._admission

    @admission.setter
    def admission(self, admission: Admission) -> None:
        self._admission = admission
        self.told.caller = admission.caller

    @property
    def caller(self) -> Caller:
        """Who calls."""
        return self.admission.caller

    @property
    def address(self) -> str | None:
        """Where it comes from."""
        return self.services.proxies.client(self._scope)

    def concerns(self, *municipios: str) -> None:
        """Say for the audit trail whose data is seen or changed; without a word, it is the caller's whole territory."""
        self.told.municipios = municipios

    def shows_nothing(self) -> None:
        """Say for the audit trail that there is nothing to tell of."""
        self.told.done = True

    async def tell(self, audited: Audited) -> None:
        """Have this in the audit trail now, before the answer begins. Raises Problem 503."""
        await record(self.services, entry_of(audited, self.services, self._scope, self.told, 200))
        self.told.done = True

    def header(self, name: bytes) -> str:
        """A header's value; empty where it was not sent."""
        value = self._headers.get(name)
        return "" if value is None else value.decode("utf-8", "replace").strip()

    def path(self, name: str) -> str:
        """A parameter of the path."""
        return str(self._scope["path_params"][name]).replace(ENCODED_SLASH, "/")

    def device(self) -> str:
        """The path's `device_id`. Raises Problem 400."""
        return check_device_id(self.path("device_id"))

    def query(self, shape: type[Shape]) -> Shape:
        """The query string as a struct. Raises Problem 400 for unknown, repeated and unreadable parameters."""
        given: dict[str, str] = {}
        try:
            pairs = parse_qsl(self._scope["query_string"].decode(), keep_blank_values=True, errors="strict")
        except (UnicodeDecodeError, ValueError) as error:
            raise Problem("invalid_parameter", "The query string is not UTF-8", path="") from error
        for name, value in pairs:
            if name in given or "\x00" in value:
                why = "is given twice" if name in given else "holds a NUL"
                raise Problem("invalid_parameter", f"A parameter {why}", path=f"/{name}")
            given[name] = value
        try:
            return msgspec.convert(given, shape, strict=False)
        except msgspec.ValidationError as error:
            message, path = parameter_fault(error, given, shape)
            raise Problem("invalid_parameter", message, path=path) from error

    async def receive(self) -> Any:
        """The next message of the request; after its body, that the client left."""
        return await self._receive()

    def takes_its_time(self) -> None:
        """The answer waits for something to happen: its time is not the server's."""
        self._scope[UNTIMED_KEY] = True

    async def read(self, most: int | None = None) -> tuple[bytes, str]:
        """The unpacked body of at most so many bytes, and its media type. Raises Problem 400, 413, 415."""
        media_type = media.body_media_type(self.header(b"content-type"))
        settings = self.services.settings
        bytes_taken = settings.max_body_bytes if most is None else min(most, settings.max_body_bytes)
        caps = Caps(bytes_taken, settings.max_inflation)
        declared = self.header(b"content-length") or None
        raw = await read_body(self.chunks(held=True), self.header(b"content-encoding"), declared, caps)
        self._hold(len(raw) - self._held)  # what it unpacks to counts, not what came
        return raw, media_type

    def release(self) -> None:
        """The request is answered: its body counts no more."""
        if self._held:
            self.services.bodies.release(self._sender, self._held)
            self._held = 0

    @property
    def _sender(self) -> str:
        """Whose budget a body counts against: all who need no token share one."""
        return "" if self._admission is None else self.caller.user

    def _hold(self, size: int) -> None:
        if size > 0:
            self.services.bodies.hold(self._sender, size)
            self._held += size

    async def chunks(self, *, held: bool = False) -> AsyncIterator[bytes]:
        """The body as it comes, packed as it is; `held`: counted until the answer. Raises Problem 400 where the
        connection ends before it, and 429 where its user has too much here already."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Problem("malformed_body", "The connection ended before the body did")
            more = message.get("more_body", False)
            chunk = message.get("body", b"")
            if held:
                self._hold(len(chunk))
            yield chunk

    async def read_as(self, shape: type[Shape], noun: str = "the body", *, most: int | None = MOST_OF_A_FORM) -> Shape:
        """The body as a struct; `noun` is what to call it; None: as many bytes as a batch may have.

        Raises Problem 400, 413, 415, 422.
        """
        raw, media_type = await self.read(most)
        return await off_loop(len(raw), _read_as, raw, media_type, shape, noun)

    async def answer(self, value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> ASGIResponse:
        """The answer, in the form that the caller asked for."""
        return await self.send(media.encode(value, self.accept), self.accept, status=status, headers=headers)

    async def send(
        self, body: bytes, media_type: str, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> ASGIResponse:
        """An answer of these very bytes, packed where the caller takes that."""
        coding = self.header(b"accept-encoding")
        return await media.respond(body, media_type, coding, status=status, headers=headers)


def _read_as(raw: bytes, media_type: str, shape: type[Shape], noun: str) -> Shape:
    try:
        sent = msgspec.json.decode(raw) if media_type == media.JSON else read_msgpack(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        read_json(raw)  # says where it is no JSON
        raise Problem("malformed_body", "The body holds a number that JSON does not have") from error
    if found := implausible(sent, stored=True):
        raise Problem("invalid_body", found[0], path=found[1])
    try:
        return msgspec.convert(sent, shape)
    except (msgspec.ValidationError, RecursionError) as error:
        message, path = fault_of(error, sent, shape, noun)
        raise Problem("invalid_body", message, path=path) from error


async def admit(services: Services, authorization: str) -> Admission:
    """Whom the header Authorization names. Raises Problem 401, 403 or 503."""
    return await services.verifier.admit(bearer(authorization))


def bearer(authorization: str) -> str:
    """The token of the header Authorization. Raises Problem 401."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthenticated("token_required", "No bearer token was sent")
    return token.strip()


def check_device_id(device_id: str) -> str:
    """The id itself. Raises Problem 400 where no device may have it."""
    if not 1 <= len(device_id) <= _LONGEST_DEVICE_ID or not device_id.isprintable() or "\ufffd" in device_id:
        raise Problem("invalid_device_id", "A device id is 1 to 128 printable characters")
    for reserved in (CONSOLE_DEVICE_PREFIX, SERVER_DEVICE_PREFIX):
        if device_id.startswith(reserved):
            raise Problem("invalid_device_id", f"No device may be named {reserved}…")
    return device_id
