"""What a device takes from the server."""

from techdengue.client import Device

from .conftest import MakeDevice
from .fake_server import FakeServer, answers

VISIT = {"tipo": "VISTORIA", "municipio_cod_ibge": "5103403"}


async def test_the_first_pull_brings_everything_and_the_next_only_what_changed(
    device: Device, server: FakeServer
) -> None:
    for number in range(1, 8):
        server.change(number, VISIT)
    report = await device.pull(limit=3)
    assert (report.received, report.pages, report.finished) == (7, 3, True)
    server.change(3, {"status": "CONCLUIDA"})
    server.change(4, None)
    assert (await device.pull()).received == 2
    assert device.get("atividade", 4) is None
    assert len(device.list("atividade")) == 6


async def test_the_cursor_survives_a_restart_and_a_page_that_failed(
    make_device: MakeDevice, server: FakeServer
) -> None:
    for number in range(1, 8):
        server.change(number, VISIT)
    device = make_device()
    server.faults = [None, answers(502)]
    assert not (await device.pull(limit=3)).finished
    assert len(device.list("atividade")) == 3
    again = make_device()
    assert (await again.pull(limit=3, patience=10)).received == 4


async def test_own_pending_work_stays_on_top_of_what_is_pulled(device: Device, server: FakeServer) -> None:
    server.change(1, VISIT)
    await device.pull()
    device.update("atividade", 1, {"status": "CONCLUIDA"})
    server.change(1, {"status": "CANCELADA", "descricao": "outro"})
    await device.pull()
    seen = device.get("atividade", 1)
    assert seen is not None
    assert (seen.data["status"], seen.data["descricao"], seen.pending) == ("CONCLUIDA", "outro", 1)


async def test_a_cursor_that_is_no_longer_good_starts_a_new_download_and_drops_what_is_gone(
    device: Device, server: FakeServer
) -> None:
    for number in range(1, 5):
        server.change(number, VISIT)
    await device.pull()
    server.log.clear()
    server.outcomes.clear()
    server.documents.clear()
    server.change(9, VISIT)
    report = await device.pull()
    assert report.finished
    assert [document.entity_id for document in device.list("atividade")] == [9]


async def test_sync_does_not_pull_over_a_push_that_could_not_finish(device: Device, server: FakeServer) -> None:
    device.create("atividade", 1, VISIT)
    server.faults = [answers(503)]
    report = await device.sync()
    assert report.pull is None
    assert not report.finished
    assert (await device.sync(patience=10)).finished
