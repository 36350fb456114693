"""A stand-in for FCM: a real server on this machine that speaks its HTTP v1 and Google's token endpoint.

It checks the access token and the shape of every body, keeps what it took, and answers any fault that it is told to.
`python -m tests.push` runs it as a process of its own.
"""

import asyncio
import json
import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import jwt
import msgspec
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .faults import Fault, Wire, invalid, wire_of

PROJECT = "techdengue-test"
EMAIL = "push@techdengue-test.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TARGETS = ("token", "fid", "topic")
_FIELDS = {*_TARGETS, "notification", "data", "android", "apns"}


class Taken(msgspec.Struct, frozen=True):
    """A message that the stand-in took: it would be on the device now."""

    target: str
    message: dict[str, Any]

    @property
    def tag(self) -> str:
        """What makes two messages one notification on the device."""
        return str(self.message["android"]["notification"]["tag"])


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


class StandIn:
    """FCM and the token endpoint. `everything` is a fault for every message, `faults` are by target, each once."""

    def __init__(self, *, lifetime: float = 3600.0, delay: float = 0.0) -> None:
        self.taken: list[Taken] = []
        self.validated: list[Taken] = []
        self.requests = 0
        self.connections: set[int] = set()
        self.assertions = 0
        self.everything: Fault | None = None
        self.headers: dict[str, str] = {}
        """Sent with faults: `Retry-After`."""
        self.faults: dict[str, list[Fault]] = {}
        self.token_answer: Wire | None = None
        """What the token endpoint answers instead of a token."""
        self.url = ""
        self.lifetime = lifetime
        self.delay = delay
        """Seconds from a message to its answer, as over the internet."""
        self._tokens: set[str] = set()
        self._released = asyncio.Event()

    def revoke(self) -> None:
        """Access tokens that were given are good no more."""
        self._tokens.clear()

    def release(self) -> None:
        """Those who wait for a slow answer get it."""
        self._released.set()

    def sent_to(self, target: str) -> list[str]:
        """The tags of the messages that a target got, in order."""
        return [taken.tag for taken in self.taken if taken.target == target]

    def write_service_account(self, path: Path) -> Path:
        """The JSON key file of a service account that this stand-in knows."""
        pem = _key().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        content = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "key-1",
            "private_key": pem.decode(),
            "client_email": EMAIL,
            "token_uri": f"{self.url}/token",
        }
        path.write_text(json.dumps(content))
        path.chmod(0o600)
        return path

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator["StandIn"]:
        """Served on loopback for as long as the context."""
        app = web.Application()
        app.router.add_post("/token", self._token)
        app.router.add_post(f"/v1/projects/{PROJECT}/messages:send", self._send)
        app.router.add_get("/taken", self._tell)
        app.router.add_put("/fault", self._break)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            self.release()
            await runner.cleanup()

    async def _token(self, request: web.Request) -> web.Response:
        self.assertions += 1
        if self.token_answer is not None:
            return _response(self.token_answer)
        form = await request.post()
        if form.get("grant_type") != GRANT or not self._is_ours(str(form.get("assertion", ""))):
            return web.json_response({"error": "invalid_grant"}, status=400)
        token = secrets.token_urlsafe(24)
        self._tokens.add(token)
        return web.json_response({"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"})

    def _is_ours(self, assertion: str) -> bool:
        """Whether the account signed it. Its times are of the test's clock: only their distance is looked at."""
        try:
            claims = jwt.decode(
                assertion,
                _key().public_key(),
                algorithms=["RS256"],
                audience=f"{self.url}/token",
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            return False
        lasts = claims["exp"] - claims["iat"]
        return (claims["iss"], claims["scope"], 0 < lasts <= 3600) == (EMAIL, SCOPE, True)

    async def _send(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        self.connections.add(id(request.transport))
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self._tokens:
            return _answered(Fault.UNAUTHENTICATED, {})
        body = json.loads(await request.read())
        wrong = _first_wrong(body)
        if wrong is not None:
            return _response(invalid(wrong))
        message = body["message"]
        target = next(message[name] for name in _TARGETS if name in message)
        return await self._answer(request, Taken(target, message), bool(body.get("validate_only")))

    async def _answer(self, request: web.Request, taken: Taken, validate_only: bool) -> web.StreamResponse:
        fault = self._fault(taken.target)
        if self.delay:
            await asyncio.sleep(self.delay)
        if fault is Fault.SLOW:
            await self._released.wait()
        if fault is Fault.DROPPED:
            return _cut(request)
        if fault is not None and wire_of(fault) is not None:
            return _answered(fault, self.headers)
        (self.validated if validate_only else self.taken).append(taken)
        if fault is Fault.ANSWER_LOST:
            return _cut(request)
        return web.json_response({"name": f"projects/{PROJECT}/messages/{time.time_ns()}"})

    def _fault(self, target: str) -> Fault | None:
        if self.everything is not None:
            return self.everything
        if queued := self.faults.get(target):
            return queued.pop(0)
        return next((fault for fault in Fault if target.endswith(f"!{fault.value}")), None)

    async def _tell(self, _request: web.Request) -> web.Response:
        """`GET /taken`: for those who run it as a process."""
        return web.json_response([{"target": taken.target, "message": taken.message} for taken in self.taken])

    async def _break(self, request: web.Request) -> web.Response:
        """`PUT /fault`, the name of a fault or nothing: for those who run it as a process."""
        name = (await request.text()).strip()
        self.everything = Fault(name) if name else None
        return web.Response(status=204)


def _first_wrong(body: Any) -> str | None:
    """The first field that FCM would refuse."""
    message = body.get("message")
    if not isinstance(message, dict) or set(body) - {"message", "validate_only"}:
        return "message"
    unknown = sorted(set(message) - _FIELDS)
    targets = [name for name in _TARGETS if name in message]
    data = message.get("data", {})
    if unknown or len(targets) != 1:
        return f"message.{unknown[0]}" if unknown else "message"
    if not isinstance(message[targets[0]], str) or not message[targets[0]]:
        return f"message.{targets[0]}"
    if any(not isinstance(value, str) for value in data.values()):
        return "message.data"
    if any(key in ("from", "message_type") or key.startswith(("google.", "gcm.")) for key in data):
        return "message.data"
    if len(json.dumps({"n": message.get("notification"), "d": data}, ensure_ascii=False).encode()) > 4096:
        return "message.data"
    return _first_wrong_option(message)


def _first_wrong_option(message: dict[str, Any]) -> str | None:
    android, headers = message.get("android", {}), message.get("apns", {}).get("headers", {})
    if not re.fullmatch(r"\d+(\.\d{1,9})?s", android.get("ttl", "0s")):
        return "message.android.ttl"
    if len(headers.get("apns-collapse-id", "").encode()) > 64:
        return "message.apns.headers"
    return None


def _answered(fault: Fault, headers: dict[str, str]) -> web.Response:
    wire = wire_of(fault, headers)
    assert wire is not None
    return _response(wire)


def _response(wire: Wire) -> web.Response:
    status, headers, body = wire
    return web.Response(status=status, headers=headers, body=body)


def _cut(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response(status=204)
