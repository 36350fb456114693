"""The calls about files of evidence: upload, completion, download, thumbnail (docs/evidence.md)."""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from litestar.response.base import ASGIResponse

from techdengue import evidence as files
from techdengue.evidence import Place
from techdengue.storage import StorageAway, StorageError

from .call import Call
from .ports import Files
from .problems import Problem, unavailable
from .reading import Municipio

_LONGEST_ENTITY_ID: Final = 64
_NO_STORE: Final = {"cache-control": "no-store"}


class EvidenceQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of the calls about an evidencia's file."""

    municipio_cod_ibge: Municipio | None = None


async def begin_upload(call: Call) -> ASGIResponse:
    """`POST /api/evidencias/{id}/upload`."""
    with _as_problems():
        upload = await _files(call).begin(call.caller, *_which(call))
    call.concerns(upload.municipio_cod_ibge)
    return await call.answer(upload, headers=_NO_STORE)


async def read_upload(call: Call) -> ASGIResponse:
    """`GET /api/evidencias/{id}/upload`."""
    with _as_problems():
        upload = await _files(call).state(call.caller, *_which(call))
    call.concerns(upload.municipio_cod_ibge)
    return await call.answer(upload, headers=_NO_STORE)


async def give_up_upload(call: Call) -> ASGIResponse:
    """`DELETE /api/evidencias/{id}/upload`."""
    with _as_problems():
        await _files(call).give_up(call.caller, *_which(call))
    return ASGIResponse(status_code=204)


async def complete_upload(call: Call) -> ASGIResponse:
    """`POST /api/evidencias/{id}/upload/complete`."""
    with _as_problems():
        verification = await _files(call).complete(call.caller, *_which(call))
    call.concerns(verification.municipio_cod_ibge)
    return await call.answer(verification)


async def download(call: Call) -> ASGIResponse:
    """`GET /api/evidencias/{id}/download`."""
    with _as_problems():
        place = await _files(call).download(call.caller, *_which(call))
    return _found_at(call, place)


async def thumbnail(call: Call) -> ASGIResponse:
    """`GET /api/evidencias/{id}/thumbnail`."""
    with _as_problems():
        place = await _files(call).thumbnail(call.caller, *_which(call))
    return _found_at(call, place)


def _found_at(call: Call, place: Place) -> ASGIResponse:
    call.concerns(place.municipio)
    return ASGIResponse(status_code=307, headers={"location": place.url, **_NO_STORE})


def _files(call: Call) -> Files:
    if call.services.evidence is None:
        raise Problem("no_storage", "This server has no object store: it keeps no files")
    return call.services.evidence


def _which(call: Call) -> tuple[str, str | None]:
    wanted = call.query(EvidenceQuery)
    entity_id = call.path("id")
    if len(entity_id) > _LONGEST_ENTITY_ID:
        raise Problem(*_PLAIN[files.NoSuchEvidence])
    return entity_id, wanted.municipio_cod_ibge


@contextlib.contextmanager
def _as_problems() -> Iterator[None]:
    try:
        yield
    except files.EvidenceError as error:
        raise _problem_of(error) from error
    except StorageAway as error:
        raise unavailable("The object store cannot be reached", retry_after=error.retry_after) from error
    except StorageError as error:
        raise unavailable("The object store refuses") from error


_PLAIN: Final[dict[type[files.EvidenceError], tuple[str, str]]] = {
    files.NoSuchEvidence: ("entity_not_found", "No such evidencia in the token's municípios"),
    files.EvidenceDeleted: ("evidence_deleted", "This evidencia was deleted"),
    files.UploadNotBegun: ("upload_not_begun", "No upload of this evidencia is on its way"),
    files.UploadOutdated: (
        "upload_outdated",
        "The evidencia says another size, hash or type than when the upload began",
    ),
    files.UploadOfAnother: (
        "forbidden_role",
        "Another user began this upload; to give it up needs the role VIGILANCIA",
    ),
    files.AlreadyVerified: ("file_verified", "The file was verified: there is no upload to give up"),
    files.FileDeleted: ("file_deleted", "The bytes of this file were removed"),
    files.NoSuchFile: ("file_not_found", "There is no verified file, or no thumbnail of it"),
}


def _problem_of(error: files.EvidenceError) -> Problem:
    match error:
        case files.TooLarge():
            return Problem("invalid_data", str(error), path="/data/tamanho_bytes")
        case files.UploadIncomplete():
            return Problem("upload_incomplete", f"Parts are missing: {len(error.missing)}", missing=list(error.missing))
        case files.FileRefused():
            members: dict[str, Any] = {"reason": error.reason, "expected": error.expected, "found": error.found}
            return Problem("file_refused", str(error).capitalize(), **members)
        case _:
            return Problem(*_PLAIN[type(error)])
