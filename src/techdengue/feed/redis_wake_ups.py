"""Wake-ups between processes, through Redis: each tells the others what it has committed.

Only a hint, and never in anybody's way: a message that is lost costs the time until the next look at the log's tail.
While Redis is away nothing is queued for it, and it is sought with growing pauses.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Collection
from typing import Final

import msgspec
import redis.asyncio
import redis.exceptions
import structlog

from techdengue import telemetry

CHANNEL: Final = "techdengue:committed:{log}"
_LANE: Final = 0
_CALL_SECONDS: Final = 2.0
_SILENCE_SECONDS: Final = 10.0
"""After so long without a message the connection is tried."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_MOST_RANGES: Final = 256

Range = tuple[int, int]
"""The first and the last position of a commit."""

log = structlog.get_logger(__name__)


class Message(msgspec.Struct, frozen=True, array_like=True):
    """What is published: who says it, and which positions of the lane were committed in which municípios."""

    origin: str
    lane: int
    ranges: list[Range]
    municipios: list[str]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)


class RedisWakeUps:
    """One process's end. `identity` answers the log's; `heard` is called with what other processes say."""

    def __init__(
        self,
        url: str,
        identity: Callable[[], Awaitable[str]],
        heard: Callable[[Collection[Range], Collection[str]], None],
    ) -> None:
        """Connects to nothing yet. Raises ValueError where `url` is not one of Redis."""
        self._redis = redis.asyncio.Redis.from_url(
            url, socket_timeout=_CALL_SECONDS, socket_connect_timeout=_CALL_SECONDS
        )
        self._identity = identity
        self._heard = heard
        self._origin = uuid.uuid4().hex
        self._ranges: list[Range] = []
        self._municipios: set[str] = set()
        self._something = asyncio.Event()
        self._connected = False

    def offer(self, first: int, last: int, municipios: Collection[str]) -> None:
        """Have this commit published, together with what else is to be by then; forgotten while Redis is away."""
        if not self._connected:
            return
        if len(self._ranges) >= _MOST_RANGES:
            self._ranges.clear()  # whoever misses them looks at the tail
        self._ranges.append((first, last))
        self._municipios.update(municipios)
        self._something.set()

    async def run(self) -> None:
        """Publish and listen, for ever, whatever becomes of Redis."""
        try:
            channel = await self._name_channel()
            pause, told = _FIRST_PAUSE, False
            while True:
                error = await self._talk(channel)
                telemetry.FEED_REDIS_FAILURES.inc()
                if self._connected:
                    pause, told = _FIRST_PAUSE, False
                if not told:
                    log.warning("redis_lost", error=type(error).__name__)
                told = True
                self._disconnected()
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        finally:
            self._disconnected()
            await self._redis.aclose()

    async def _name_channel(self) -> str:
        """As soon as the database says which log it has."""
        while True:
            try:
                return CHANNEL.format(log=await self._identity())
            except Exception as error:  # noqa: BLE001 - away, or not migrated yet: requests are told, and we wait
                log.warning("log_unknown", error=type(error).__name__)
                await asyncio.sleep(_LONGEST_PAUSE)

    async def _talk(self, channel: str) -> BaseException:
        """Until the connection fails; answers of what."""
        try:
            async with asyncio.TaskGroup() as tasks, self._redis.pubsub() as subscription:
                await subscription.subscribe(channel)
                tasks.create_task(self._publish(channel))
                await self._listen(subscription)
        except ExceptionGroup as errors:
            return errors.exceptions[0]
        raise AssertionError("listening ends with an error")

    async def _listen(self, subscription: redis.asyncio.client.PubSub) -> None:
        tried = False
        while True:
            message = await subscription.get_message(timeout=_CALL_SECONDS if tried else _SILENCE_SECONDS)
            if message is None:
                if tried:
                    raise redis.exceptions.TimeoutError
                await subscription.ping()
            tried = message is None
            match message:
                case {"type": "subscribe"}:
                    self._set_connected()
                case {"type": "message", "data": bytes(data)}:
                    self._take(data)

    def _take(self, data: bytes) -> None:
        try:
            message = _decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            telemetry.FEED_REDIS_FAILURES.inc()
            return
        if message.origin != self._origin and message.lane == _LANE:
            self._heard(message.ranges, message.municipios)

    async def _publish(self, channel: str) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            message = Message(self._origin, _LANE, self._ranges, list(self._municipios))
            self._ranges, self._municipios = [], set()
            await self._redis.publish(channel, _encoder.encode(message))

    def _set_connected(self) -> None:
        self._connected = True
        telemetry.FEED_REDIS_CONNECTED.set(1)
        log.info("redis_connected")

    def _disconnected(self) -> None:
        self._connected = False
        telemetry.FEED_REDIS_CONNECTED.set(0)
        self._ranges, self._municipios = [], set()
        self._something.clear()
