"""`techdengue` programs as processes that a test may kill: servers and projectors, with their log in a file."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from techdengue.dev.processes import child_pids
from tests.cli.running import clean_environment

SCRIPT = Path(sys.executable).with_name("techdengue")
START_SECONDS = 60.0


class Program:
    """A running program of ours. Its log is a file, so that no full pipe stops it."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], log: Path, script: Path = SCRIPT) -> None:
        self._command: tuple[str | Path, ...] = (script, *arguments)
        self._env = clean_environment(env)
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, again after it was killed."""
        with self._log.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._env,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the tests, who end their programs themselves
            )

    async def kill(self) -> None:
        """`kill -9`, unless it has ended."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def stop(self) -> int:
        """Ask it to end, as an orchestrator does; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), START_SECONDS)

    async def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), START_SECONDS)

    async def said(self, text: str) -> None:
        """Wait until it has said this."""
        async with asyncio.timeout(START_SECONDS):
            while text not in self.read_log():
                self.check_running()
                await asyncio.sleep(0.02)  # a file tells nobody that it grew

    def resident_kib(self) -> int:
        """Memory that it has now, KiB."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text("ascii")
        return int(status.partition("VmRSS:")[2].split()[0])

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def read_log(self) -> str:
        """What it has said since it was last started."""
        return self._log.read_text("utf-8")

    def check_running(self) -> None:
        """Assert that it has not ended by itself."""
        assert self._process is not None
        assert self._process.returncode is None, self.read_log()


class Server(Program):
    """`techdengue serve`; each start takes a free port."""

    def __init__(self, env: Mapping[str, str], log: Path, *, workers: int = 1) -> None:
        super().__init__(("serve", "--port", "0", "--workers", str(workers)), env, log)
        self.url = ""

    async def start(self) -> None:
        """Start it, and wait until it says where it listens."""
        await super().start()
        await self.said("listening on ")
        self.url = self.read_log().partition("listening on ")[2].split()[0]

    async def workers(self, count: int) -> list[int]:
        """The processes of its workers, once there are so many."""
        async with asyncio.timeout(START_SECONDS):
            while len(found := child_pids(self.pid)) != count:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.02)
        return found


@contextlib.asynccontextmanager
async def running(*programs: Program) -> AsyncIterator[None]:
    """Start programs together; kill them with the block."""
    try:
        await asyncio.gather(*(program.start() for program in programs))
        yield
    finally:
        await asyncio.gather(*(program.kill() for program in programs))


def environment(database_url: str, key_file: Path) -> dict[str, str]:
    """What a server needs to know."""
    return {
        "TECHDENGUE_DATABASE_URL": database_url,
        "TECHDENGUE_JWT_LOCAL_KEY_FILE": str(key_file),
        "TECHDENGUE_LOG_LEVEL": "warning",
    }
