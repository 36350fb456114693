"""The calls about files on the wire: what is asked of the files, and how their refusals are told."""

import httpx
import pytest

from techdengue import evidence
from techdengue.intake import Overloaded
from techdengue.storage import StorageAway, StorageRefused

from .fakes import FakeFiles

CALLS = [
    ("POST", "/api/evidencias/7/upload"),
    ("GET", "/api/evidencias/7/upload"),
    ("DELETE", "/api/evidencias/7/upload"),
    ("POST", "/api/evidencias/7/upload/complete"),
    ("GET", "/api/evidencias/7/download"),
    ("GET", "/api/evidencias/7/thumbnail"),
]
ERRORS = [
    (evidence.NoSuchEvidence(), 404, "entity_not_found"),
    (evidence.EvidenceDeleted(), 410, "evidence_deleted"),
    (evidence.TooLarge("AUDIO", 5, 6), 422, "invalid_data"),
    (evidence.UploadNotBegun(), 409, "upload_not_begun"),
    (evidence.UploadIncomplete((2, 3)), 409, "upload_incomplete"),
    (evidence.UploadOutdated(), 409, "upload_outdated"),
    (evidence.FileRefused("size", expected="5", found="6"), 422, "file_refused"),
    (evidence.AlreadyVerified(), 409, "file_verified"),
    (evidence.UploadOfAnother(), 403, "forbidden_role"),
    (evidence.NoSuchFile(), 404, "file_not_found"),
    (evidence.FileDeleted(), 410, "file_deleted"),
    (StorageAway("away", retry_after=7), 503, "unavailable"),
    (StorageRefused("AccessDenied", 403), 503, "unavailable"),
    (Overloaded(retry_after=3), 429, "overloaded"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(("error", "status", "code"), ERRORS, ids=lambda value: type(value).__name__)
async def test_every_refusal_is_a_problem_of_its_own(
    api: httpx.AsyncClient, files: FakeFiles, method: str, path: str, error: Exception, status: int, code: str
) -> None:
    files.error = error
    answer = await api.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("retry-after" in answer.headers) == (status in (429, 503))


def test_every_error_of_the_files_is_tried_here() -> None:
    tried = {type(error) for error, _, _ in ERRORS}
    assert tried >= {
        error
        for error in vars(evidence).values()
        if isinstance(error, type) and error.__base__ is evidence.EvidenceError
    }


async def test_what_a_refusal_knows_is_in_its_members(api: httpx.AsyncClient, files: FakeFiles) -> None:
    files.error = evidence.UploadIncomplete((2, 3))
    assert (await api.post("/api/evidencias/7/upload/complete")).json()["missing"] == [2, 3]
    files.error = evidence.FileRefused("type", expected="image/jpeg", found="application/pdf")
    told = (await api.post("/api/evidencias/7/upload/complete")).json()
    assert (told["reason"], told["expected"], told["found"]) == ("type", "image/jpeg", "application/pdf")
    files.error = StorageAway("away", retry_after=7)
    assert (await api.get("/api/evidencias/7/download")).headers["retry-after"] == "7"


async def test_an_id_is_taken_as_it_is_with_its_municipio(api: httpx.AsyncClient, files: FakeFiles) -> None:
    await api.get("/api/evidencias/a%2Fb%20c/upload", params={"municipio_cod_ibge": "5103403"})
    await api.post("/api/evidencias/0123/upload")
    assert files.asked == [("a/b c", "5103403"), ("0123", None)]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/api/evidencias/{'x' * 65}/upload", 404, "entity_not_found"),
        ("/api/evidencias/7/upload?municipio_cod_ibge=51", 400, "invalid_parameter"),
        ("/api/evidencias/7/upload?key=mine", 400, "invalid_parameter"),
    ],
)
async def test_what_no_evidencia_can_be_called_and_what_no_call_takes_is_refused(
    api: httpx.AsyncClient, files: FakeFiles, path: str, status: int, code: str
) -> None:
    answer = await api.post(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert files.asked == []


async def test_a_download_is_a_redirect_that_nobody_keeps(api: httpx.AsyncClient) -> None:
    for call in ("download", "thumbnail"):
        answer = await api.get(f"/api/evidencias/7/{call}", headers={"accept": "image/*"})
        assert answer.status_code == 307
        assert answer.headers["location"].startswith("http://s3/")
        assert answer.headers["cache-control"] == "no-store"
