"""Everything on this machine, from nothing: `techdengue dev`.

PostgreSQL, Valkey and S3 first and together; then the schema; then API, projector and a worker of all queues; the demo
territory on the first run; the simulated devices last. All of it stops in reverse order on Ctrl-C, SIGTERM or SIGHUP.
"""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import msgspec

from techdengue.dev.database import create_migrated
from techdengue.dev.demo import load_demo
from techdengue.dev.greeting import greet
from techdengue.dev.health import answers_ready
from techdengue.dev.own_settings import handed_on, left_out
from techdengue.dev.ports import LOOPBACK, free_port_from
from techdengue.dev.postgres import EmbeddedPostgres
from techdengue.dev.private_files import keep_secret, keep_signing_key
from techdengue.dev.processes import command_of
from techdengue.dev.program import Program, Ready
from techdengue.dev.seaweedfs import EmbeddedSeaweed, S3Address
from techdengue.dev.state import DataDirectory, DevState, RunningProcess
from techdengue.dev.supervisor import Supervisor
from techdengue.dev.valkey import EmbeddedValkey

Console = Callable[[str], None]
"""Shows one line to the person at the terminal."""

DATABASE: Final = "techdengue"
_SIMULATED_PAUSE: Final = "20"
"""Mean seconds between a device's rounds: a few operations a minute in all, readable for a day."""
_MOST_WORKERS: Final = 4
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DevOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What `techdengue dev` is asked for. Ports are where the search for a free one begins."""

    data_dir: Path = Path(".data")
    port: int = 8000
    postgres_port: int = 15432
    redis_port: int = 16379
    s3_port: int = 18333
    worker_port: int = 9464
    simulate: bool = True
    """Whether simulated devices keep working."""
    devices: int = 3
    demo: bool = True
    """Whether the demo territory is loaded on the first run."""
    workers: str | None = None
    """Processes of the API, as `techdengue serve --workers` takes it; None: half the cores, 1 to 4.

    PostgreSQL needs half of what they need: on two cores a second one gains nothing.
    """


async def run_dev(options: DevOptions, console: Console) -> None:
    """Start everything, keep it running, and stop it on Ctrl-C, SIGTERM or SIGHUP; answers when all of it has ended.

    Raises AlreadyRunningError when the data directory is in use, ServerError when something does not start.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOPPING:
        loop.add_signal_handler(number, stopping.set)
    try:
        with DataDirectory(options.data_dir) as directory:
            await _run_until(stopping, _Environment(options, directory, console))
    finally:
        for number in _STOPPING:
            loop.remove_signal_handler(number)


async def _run_until(stopping: asyncio.Event, environment: "_Environment") -> None:
    """Run until told to stop, also in the middle of the start."""
    running = asyncio.create_task(environment.run())
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not running.done():
        environment.console("stopping …")
        running.cancel()
    await asyncio.wait({running})
    if not running.cancelled():
        running.result()
    environment.console("everything has stopped; the data stays in " + str(environment.directory.path))


class _Environment:
    """One run of the environment in its data directory."""

    def __init__(self, options: DevOptions, directory: DataDirectory, console: Console) -> None:
        self.options = options
        self.directory = directory
        self.console = console
        self._supervisor = Supervisor(console, changed=self._tell_others)
        self._urls: dict[str, str] = {}
        self._variables: dict[str, str] = {}

    async def run(self) -> None:
        """Start all, say so, and stay until cancelled."""
        began = time.monotonic()
        for name in await asyncio.to_thread(self.directory.end_leftovers):
            self.console(f"{name} of an earlier run was still there: stopped")
        async with self._supervisor:
            await self._start_servers()
            await self._start_devices()
            greet(
                self.console,
                took=time.monotonic() - began,
                urls=self._urls,
                logs=self.directory.logs,
                key=Path(self._variables["TECHDENGUE_JWT_LOCAL_KEY_FILE"]),
                server_password=self._server_password,
                simulated=self.options.devices if self.options.simulate else 0,
            )
            await asyncio.Event().wait()

    async def _start_servers(self) -> None:
        """PostgreSQL and Valkey with what needs them; S3, which nothing waits for, meanwhile."""
        place = self.directory.path.resolve()
        options = self.options
        postgres = EmbeddedPostgres(
            place / "postgres", port=self._port("PostgreSQL", options.postgres_port), log=self._log("postgres")
        )
        valkey = EmbeddedValkey(place / "valkey", port=self._port("Redis", options.redis_port), log=self._log("valkey"))
        s3 = EmbeddedSeaweed(place / "seaweedfs", port=self._port("S3", options.s3_port), log=self._log("seaweedfs"))
        await s3.prepare()
        self.console("starting PostgreSQL, Valkey and S3 …")
        await _together(
            self._supervisor.start("S3", s3),
            self._start_databases(postgres, valkey, s3.address),
        )

    async def _start_databases(self, postgres: EmbeddedPostgres, valkey: EmbeddedValkey, s3: S3Address) -> None:
        """PostgreSQL and Valkey, the schema, then API, projector and worker."""
        await _together(
            self._supervisor.start("PostgreSQL", postgres),
            self._supervisor.start("Valkey", valkey),
        )
        place = self.directory.path.resolve()
        password = await asyncio.to_thread(keep_secret, self._server_password)
        database = await create_migrated(postgres, DATABASE, password)
        key = await asyncio.to_thread(keep_signing_key, place / "jwt-ed25519.pem")
        api_port = self._port("the API", self.options.port)
        api = f"http://{LOOPBACK}:{api_port}"
        self._urls = {
            "API": api,
            "PostgreSQL": f"postgresql://{LOOPBACK}:{postgres.port}/{DATABASE}",
            "Redis": f"redis://{LOOPBACK}:{valkey.port}/0",
            "S3": s3.endpoint_url,
        }
        self._variables = {
            **self._handed_on(),
            "TECHDENGUE_URL": api,
            "TECHDENGUE_HOST": LOOPBACK,
            "TECHDENGUE_PORT": str(api_port),
            "TECHDENGUE_DATABASE_URL": database.server_url,
            "TECHDENGUE_OWNER_DATABASE_URL": database.owner_url,
            "TECHDENGUE_REDIS_URL": valkey.url,
            "TECHDENGUE_S3_ENDPOINT_URL": s3.endpoint_url,
            "TECHDENGUE_S3_ACCESS_KEY": s3.access_key,
            "TECHDENGUE_S3_SECRET_KEY": s3.secret_key,
            "TECHDENGUE_S3_BUCKET": s3.bucket,
            "TECHDENGUE_JWT_LOCAL_KEY_FILE": str(key),
            "TECHDENGUE_WORKER_PORT": str(self._port("the worker's metrics", self.options.worker_port)),
        }
        worker = f"http://{LOOPBACK}:{self._variables['TECHDENGUE_WORKER_PORT']}"
        self.console("starting the API, the projector and a worker …")
        await _together(
            self._start_program("API", ["serve", "--workers", self._workers], ready=lambda: answers_ready(api)),
            self._start_program("projector", ["projections", "run"]),
            self._start_program("worker", ["worker", "all"], ready=lambda: answers_ready(worker)),
        )

    def _handed_on(self) -> dict[str, str]:
        """The settings of this shell that hold here too; says which do, and which do not."""
        if given := handed_on(os.environ):
            self.console(f"with {', '.join(given)} of this shell")
        if others := left_out(os.environ):
            self.console(f"without {', '.join(others)} of this shell: servers and keys here are its own")
        return given

    async def _start_devices(self) -> None:
        """The demo territory on the first run, then the simulated devices."""
        key = Path(self._variables["TECHDENGUE_JWT_LOCAL_KEY_FILE"])
        if self.options.demo:
            await load_demo(self._urls["API"], key, self._demo_record, self.console)
        if self.options.simulate:
            # another seed each time: the same one would plan the same visits, under the same ids, again
            seed = str(secrets.randbelow(1 << 31))
            devices = str(self.options.devices)
            arguments = ["simulate", "--devices", devices, "--pause", _SIMULATED_PAUSE, "--seed", seed]
            await self._start_program("simulator", arguments)

    @property
    def _workers(self) -> str:
        return self.options.workers or str(max(1, min(_MOST_WORKERS, (os.cpu_count() or 1) // 2)))

    @property
    def _server_password(self) -> Path:
        return self.directory.path / "server.password"

    @property
    def _demo_record(self) -> Path:
        """Says that the demo territory is loaded; beside the database, so that both go together."""
        return self.directory.path / "postgres" / "demo.loaded"

    async def _start_program(self, name: str, arguments: list[str], *, ready: Ready | None = None) -> None:
        program = Program(name, arguments, environment=self._variables, log=self._log(name.lower()), ready=ready)
        await self._supervisor.start(name, program)

    def _log(self, name: str) -> Path:
        return self.directory.logs / f"{name}.log"

    def _port(self, name: str, preferred: int) -> int:
        port = free_port_from(preferred)
        if port != preferred:
            self.console(f"port {preferred} is taken: {name} is on {port}")
        return port

    def _tell_others(self) -> None:
        """Write dev.json: who runs, and once everything is known, where."""
        processes = [
            RunningProcess(name, thing.pid, command_of(thing.pid))
            for name, thing in self._supervisor.running.items()
            if thing.running
        ]
        self.directory.write(DevState(os.getpid(), self._urls, self._variables, processes))


async def _together(*starts: Coroutine[Any, Any, None]) -> None:
    """Await all of them; the first failure cancels the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for start in starts:
                group.create_task(start)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
