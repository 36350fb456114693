"""The calls about files of evidence as the document describes them."""

from typing import Any, Final

from techdengue.evidence import MissingPart, PartThere, Upload, UploadState, Verification
from techdengue.http.evidence import EvidenceQuery

from .operation import CALLED, Operation

_ID: Final = {"id": "1001"}
_HASH: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_AT: Final = "2024-01-15T18:02:11.204817Z"
_PUT: Final = "https://s3.example/techdengue-evidence/evidencias/5103403/0b1c?X-Amz-Signature=…"
_TOLD: Final[dict[str, Any]] = {"evidencia_id": 1001, "municipio_cod_ibge": "5103403", "hash_sha256": _HASH}
_FOUND: Final = (
    "entity_not_found",
    "evidence_deleted",
    "municipio_required",
    "invalid_parameter",
    "no_storage",
    *CALLED,
)

SINGLE: Final = Upload(
    **_TOLD,
    status=UploadState.UPLOADING,
    size_bytes=2_097_152,
    content_type="image/jpeg",
    multipart=False,
    part_bytes=2_097_152,
    there=(),
    missing=(
        MissingPart(
            number=1,
            offset=0,
            size=2_097_152,
            url=_PUT,
            headers={
                "content-length": "2097152",
                "content-type": "image/jpeg",
                "x-amz-checksum-sha256": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
            },
        ),
    ),
    expires_at=_AT,
)
RESUMED: Final = Upload(
    **_TOLD,
    status=UploadState.UPLOADING,
    size_bytes=6_000_000,
    content_type="video/mp4",
    multipart=True,
    part_bytes=5_242_880,
    there=(PartThere(number=1, size=5_242_880, etag='"b1e775d2bd54cc11cd0d6fd0dade93a1"'),),
    missing=(MissingPart(number=2, offset=5_242_880, size=757_120, url=_PUT, headers={"content-length": "757120"}),),
    expires_at=_AT,
)
VERIFIED_FILE: Final = Upload(
    **_TOLD, status=UploadState.VERIFIED, size_bytes=2_097_152, content_type="image/jpeg", verified_at=_AT
)
REFUSED_FILE: Final = Upload(
    **_TOLD, status=UploadState.REFUSED, size_bytes=2_097_152, content_type="image/jpeg", refusal="type"
)
VERIFICATION: Final = Verification(
    **_TOLD,
    status=UploadState.VERIFIED,
    version=4,
    size_bytes=2_097_152,
    content_type="image/jpeg",
    verified_at=_AT,
)

EVIDENCE_OPERATIONS: Final = (
    Operation(
        name="evidence_upload",
        method="post",
        path="/api/evidencias/{id}/upload",
        tag="devices",
        summary="Begin or resume the upload of an evidencia's file",
        description="Says what of the file is in the store and, for each part that is missing, the address and headers "
        "of the PUT that brings it. Up to 5 MiB it is one part, signed for its size, type and SHA-256; "
        "beyond, parts of 5 MiB. Ask again after a cut: what is there stays.",
        problem_codes=("invalid_data", *_FOUND),
        query=EvidenceQuery,
        path_examples=_ID,
        answer=Upload,
        answer_text="How far the file is.",
        answer_examples={"single": SINGLE, "resumed": RESUMED, "verified before": VERIFIED_FILE},
    ),
    Operation(
        name="evidence_upload_state",
        method="get",
        path="/api/evidencias/{id}/upload",
        tag="devices",
        summary="How far the file of an evidencia is",
        description="As the POST tells it, without addresses; begins nothing.",
        problem_codes=_FOUND,
        query=EvidenceQuery,
        path_examples=_ID,
        answer=Upload,
        answer_text="How far the file is.",
        answer_examples={"verified": VERIFIED_FILE, "refused": REFUSED_FILE},
    ),
    Operation(
        name="evidence_upload_give_up",
        method="delete",
        path="/api/evidencias/{id}/upload",
        tag="devices",
        summary="Give up the upload that is on its way",
        description="CAMPO gives up what the same user began; VIGILANCIA and above any of their municípios.",
        problem_codes=("file_verified", *_FOUND),
        query=EvidenceQuery,
        path_examples=_ID,
        status=204,
        answer_text="It is forgotten, or there was none.",
    ),
    Operation(
        name="evidence_upload_complete",
        method="post",
        path="/api/evidencias/{id}/upload/complete",
        tag="devices",
        summary="Have the file verified",
        description="Checks size, SHA-256 and what its bytes show that it is, then sets the evidencia CONCLUIDA by an "
        "event of its history that no late operation undoes. Sent again, it answers the same. A file that is not what "
        "the evidencia says is removed: begin again.",
        problem_codes=(
            "upload_not_begun",
            "upload_incomplete",
            "upload_outdated",
            "file_refused",
            "overloaded",
            *_FOUND,
        ),
        query=EvidenceQuery,
        path_examples=_ID,
        answer=Verification,
        answer_text="The evidencia is CONCLUIDA at this version.",
        answer_examples={"verified": VERIFICATION},
    ),
    Operation(
        name="evidence_download",
        method="get",
        path="/api/evidencias/{id}/download",
        tag="devices",
        summary="The file",
        problem_codes=("file_not_found", "file_deleted", *_FOUND),
        query=EvidenceQuery,
        path_examples=_ID,
        status=307,
        answer_text="`Location` is where the file can be read for 5 minutes.",
    ),
    Operation(
        name="evidence_thumbnail",
        method="get",
        path="/api/evidencias/{id}/thumbnail",
        tag="devices",
        summary="A small picture of the file, a JPEG of up to 512 pixels",
        problem_codes=("file_not_found", "file_deleted", *_FOUND),
        query=EvidenceQuery,
        path_examples=_ID,
        status=307,
        answer_text="`Location` is where it can be read for 5 minutes.",
    ),
)
