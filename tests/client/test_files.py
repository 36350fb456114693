"""A device's files go up when there is a network, from where they were cut, and are verified once."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from techdengue.client import (
    Device,
    HttpTransport,
    Observer,
    QueuedFile,
    Request,
    Response,
    Surroundings,
    Unreachable,
    WrongDevice,
)
from techdengue.client.simulator import Simulation
from techdengue.client.wire import SyncAnswer
from techdengue.dev.database import Database
from techdengue.dev.seaweedfs import S3Address
from techdengue.domain.access import Role
from tests.e2e.processes import Server, environment, running
from tests.evidence.making import photo, video
from tests.http.conftest import CUIABA, Tokens, s3_settings, tokens
from tests.storage.faulty import Fault, FaultyWire, faulty_wire

__all__ = ["tokens"]

MIB = 1024 * 1024
VISIT = {"tipo": "VISTORIA", "municipio_cod_ibge": CUIABA}


class Watch(Observer):
    """Remembers what it is told of files."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.verified: list[str] = []
        self.refused: list[str] = []
        self.heard = asyncio.Event()

    def answered(self, answer: SyncAnswer, waited: Sequence[float]) -> None:
        self.heard.set()

    def file_progress(self, file: QueuedFile, sent: int) -> None:
        self.sent.append(sent)

    def file_verified(self, file: QueuedFile) -> None:
        self.verified.append(str(file.evidencia_id))

    def file_refused(self, file: QueuedFile, code: str) -> None:
        self.refused.append(code)


class Cuts:
    """A transport over which only so many parts go, and that counts them."""

    def __init__(self, inner: HttpTransport) -> None:
        self._inner = inner
        self.puts = 0
        self.left: int | None = None
        """Parts that still go; None: all."""
        self.loses: str | None = None
        """The end of a path whose answers are lost."""
        self.refuses: str | None = None
        """The code of S3 that the next part is answered with, as 400."""

    async def send(self, request: Request) -> Response:
        if request.method == "PUT" and request.total is not None:
            if self.left == 0:
                raise Unreachable("the network has gone")
            if self.refuses is not None:
                code, self.refuses = self.refuses, None
                return Response(status=400, headers={}, body=f"<Error><Code>{code}</Code></Error>".encode())
            self.puts += 1
            self.left = None if self.left is None else self.left - 1
        answer = await self._inner.send(request)
        if self.loses is not None and request.url.endswith(self.loses):
            self.loses = None
            raise Unreachable("the answer was lost")
        return answer

    async def close(self) -> None:
        pass


async def no_sleep(_seconds: float) -> None:
    await asyncio.sleep(0)


class Phone:
    """Opens the same device again and again, as a phone that is restarted."""

    def __init__(self, url: str, tokens: Tokens, folder: Path, transport: HttpTransport) -> None:
        self.folder = folder
        self.cuts = Cuts(transport)
        self.watch = Watch()
        self._url = url
        self._tokens = tokens

    def open(self) -> Device:
        around = Surroundings(
            rng=random.Random(7),  # noqa: S311 - jitter
            sleep=no_sleep,
            transport=self.cuts,
            observer=self.watch,
        )
        return Device(
            self.folder / "phone.sqlite",
            self._url,
            "phone-of-files",
            self._tokens.mint(Role.CAMPO, CUIABA, user="agente-das-fotos"),
            durable=False,
            surroundings=around,
        )

    def file(self, name: str, body: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(body)
        return path


@pytest.fixture(scope="module")
async def wire(s3: S3Address) -> AsyncIterator[FaultyWire]:
    """Between server and phones, and the object store."""
    async with faulty_wire(s3) as opened:
        yield opened


@pytest.fixture(scope="module")
async def url(wire: FaultyWire, database: Database, tokens: Tokens, tmp_path_factory: Any) -> AsyncIterator[str]:
    """A server with an object store."""
    variables = {f"TECHDENGUE_{name.upper()}": str(value) for name, value in s3_settings(wire.address).items()}
    env = {**environment(database.server_url, tokens.key_file), **variables, "TECHDENGUE_S3_TIMEOUT": "2"}
    server = Server(env, tmp_path_factory.mktemp("server") / "server.log")
    async with running(server):
        yield server.url


@pytest.fixture
async def phone(url: str, tokens: Tokens, tmp_path: Path) -> AsyncIterator[Phone]:
    async with HttpTransport() as transport:
        yield Phone(url, tokens, tmp_path, transport)


async def attached(device: Device, path: Path, name: str, **data: Any) -> None:
    """A visit and a photo of it, pushed."""
    device.create("atividade", f"visit-{name}", VISIT)
    device.attach(name, path, {"atividade_id": f"visit-{name}", **data})
    assert (await device.push()).finished


async def status(url: str, tokens: Tokens, name: str) -> Any:
    headers = tokens.bearer(Role.ADMIN, "*", user="admin")
    async with httpx.AsyncClient(base_url=url, headers=headers) as api:
        return (await api.get(f"/api/entities/evidencia/{name}")).json()["data"].get("status")


async def test_a_photo_that_was_taken_offline_is_verified_and_the_device_learns_it(
    phone: Phone, url: str, tokens: Tokens
) -> None:
    async with phone.open() as device:
        path = phone.file("a.jpg", body := photo(300_000))
        device.create("atividade", "visit-a", VISIT)
        device.attach("photo-a", path, {"atividade_id": "visit-a", "tipo": "FOTO", "content_type": "image/jpeg"})
        assert [(file.evidencia_id, file.municipio, file.size) for file in device.files()] == [
            ("photo-a", CUIABA, 300_000)
        ]
        held = await device.upload()
        assert (held.uploaded, held.held_back, held.finished) == (0, 1, True)
        await device.push()
        report = await device.upload()
        assert (report.uploaded, report.refused, report.held_back) == (1, 0, 0)
        assert list(device.files()) == []
        assert phone.watch.verified == ["photo-a"]
        assert phone.watch.sent[-1] == len(body)
        await device.pull()
        seen = device.get("evidencia", "photo-a")
        assert seen is not None
        assert seen.data["status"] == "CONCLUIDA"
        device.update("evidencia", "photo-a", {"status": "UPLOADING"})
        await device.sync()
        seen = device.get("evidencia", "photo-a")
        assert seen is not None
        assert seen.data["status"] == "CONCLUIDA"
    assert path.exists()


async def test_a_video_goes_on_where_it_was_cut_also_after_a_restart(phone: Phone, url: str, tokens: Tokens) -> None:
    path = phone.file("b.mp4", video(12 * MIB))
    async with phone.open() as device:
        await attached(device, path, "video-b", content_type="video/mp4")
        phone.cuts.left = 2
        report = await device.upload()
        assert (report.uploaded, report.problem) == (0, "the network has gone")
        assert phone.cuts.puts == 2
    phone.cuts.left = None
    async with phone.open() as device:
        assert len(device.files()) == 1
        report = await device.upload(patience=60)
        assert (report.uploaded, report.problem) == (1, None)
    assert phone.cuts.puts == 3
    assert await status(url, tokens, "video-b") == "CONCLUIDA"


async def test_files_go_up_beside_following_when_their_program_says_so(phone: Phone) -> None:
    async with phone.open() as device:
        following = asyncio.ensure_future(device.follow())
        try:
            device.create("atividade", "visit-l", VISIT)
            device.attach("photo-l", phone.file("l.jpg", photo(50_000)), {"atividade_id": "visit-l"})
            async with asyncio.timeout(60):
                while device.pending_count():
                    phone.watch.heard.clear()
                    await phone.watch.heard.wait()
            assert len(device.files()) == 1
            async with asyncio.timeout(60):
                assert (await device.upload(patience=60)).uploaded == 1
            assert not following.done()
        finally:
            following.cancel()
            await asyncio.wait((following,))


@pytest.mark.parametrize("lost", ["/upload", "/upload/complete"])
async def test_a_lost_answer_costs_a_question_and_nothing_else(
    phone: Phone, url: str, tokens: Tokens, lost: str
) -> None:
    name = f"lost{lost.count('/')}"
    async with phone.open() as device:
        await attached(device, phone.file("c.jpg", photo(50_000)), name)
        phone.cuts.loses = lost
        assert (await device.upload(patience=60)).uploaded == 1
    assert phone.cuts.puts == 1
    assert await status(url, tokens, name) == "CONCLUIDA"


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.RESET])
async def test_a_store_that_is_away_leaves_the_file_waiting(phone: Phone, wire: FaultyWire, fault: Fault) -> None:
    name = f"away-{fault.name}"
    async with phone.open() as device:
        await attached(device, phone.file("d.jpg", photo(50_000)), name)
        wire.fault = fault
        try:
            report = await device.upload()
        finally:
            wire.fault = Fault.NONE
        assert report.problem is not None
        assert len(device.files()) == 1
        assert (await device.upload(patience=600)).uploaded == 1


@pytest.mark.parametrize("code", ["RequestTimeout", "IncompleteBody"])
async def test_a_part_that_came_to_the_store_in_part_leaves_the_file_waiting(phone: Phone, code: str) -> None:
    async with phone.open() as device:
        await attached(device, phone.file("k.jpg", photo(50_000)), f"cut-{code}")
        phone.cuts.refuses = code
        report = await device.upload()
        assert (report.refused, report.problem) == (0, "the object store answered 400")
        assert len(device.files()) == 1
        assert (await device.upload(patience=600)).uploaded == 1


async def test_a_file_that_the_server_will_not_take_is_kept_for_its_user_and_the_next_one_goes(phone: Phone) -> None:
    async with phone.open() as device:
        await attached(device, phone.file("e.jpg", b"%PDF-1.7\n no photo at all"), "pdf-e", content_type="image/jpeg")
        changed = phone.file("f.jpg", photo(50_000))
        await attached(device, changed, "changed-f")
        changed.write_bytes(photo(50_000))
        gone = phone.file("g.jpg", photo(50_000))
        await attached(device, gone, "gone-g")
        gone.unlink()
        short = phone.file("h.jpg", photo(50_000))
        await attached(device, short, "short-h")
        short.write_bytes(b"\xff\xd8")
        await attached(device, phone.file("i.jpg", photo(50_000)), "good-i")
        await attached(device, phone.file("j.jpg", photo(50_000)), "deleted-j")
        device.delete("evidencia", "deleted-j")
        await device.push()
        report = await device.upload()
        assert (report.uploaded, report.refused) == (1, 5)
        refused = {file.file.evidencia_id: file.code for file in device.refused_files()}
        assert refused == {
            "pdf-e": "file_refused",
            "changed-f": "file_changed",
            "gone-g": "file_missing",
            "short-h": "file_changed",
            "deleted-j": "evidence_deleted",
        }
        assert sorted(phone.watch.refused) == sorted(refused.values())
        for each in device.refused_files():
            device.discard_file(each.file)
        assert list(device.refused_files()) == []


async def test_a_file_of_a_device_before_there_were_files_is_brought_up_to_date(phone: Phone) -> None:
    async with phone.open() as device:
        device.create("atividade", "kept", VISIT)
    older = sqlite3.connect(phone.folder / "phone.sqlite", isolation_level=None)
    older.execute("DROP TABLE file")
    older.execute("PRAGMA user_version = 1")
    older.close()
    async with phone.open() as device:
        assert [operation.entity_name for operation in device.pending()] == ["kept"]
        assert list(device.files()) == []
    newer = sqlite3.connect(phone.folder / "phone.sqlite", isolation_level=None)
    newer.execute("PRAGMA user_version = 3")
    newer.close()
    with pytest.raises(WrongDevice, match="layout 3"):
        phone.open()


async def test_simulated_devices_upload_real_photographs(url: str, tokens: Tokens, tmp_path: Path) -> None:
    def token(user: str, municipios: tuple[str, ...]) -> str:
        return tokens.mint(Role.CAMPO, *municipios, user=user)

    async with Simulation(url, token, devices=2, seed=3, photos=tmp_path, pause=0.0) as simulation:
        await simulation.work(rounds=25)
        assert await simulation.push_rest(patience=120)
        stats = simulation.stats
        left = [file for agent in simulation.agents for file in agent.device.files()]
        refused = {file.code for agent in simulation.agents for file in agent.device.refused_files()}
    assert stats.photos > 3
    assert left == []
    assert refused <= {"evidence_deleted", "entity_not_found"}
