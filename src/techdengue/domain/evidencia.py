"""The entity type `evidencia`: what proves an activity (facts of the domain, "evidencia")."""

from typing import Any, Literal

from .entity_type import EntityType, Field, MunicipioFrom, Parent
from .errors import invalid
from .fields import check_reference, choice, free_object, integer, pattern, text
from .shapes import shaped

_MIB = 1024 * 1024

LARGEST_BYTES = {"FOTO": 10 * _MIB, "VIDEO": 50 * _MIB, "DOCUMENTO": 5 * _MIB, "AUDIO": 5 * _MIB}
STATUS = ("PENDENTE", "UPLOADING", "CONCLUIDA", "ERRO", "DELETADA")
CONTENT_TYPES = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/heic",
    "video/mp4",
    "video/quicktime",
    "application/pdf",
    "audio/mpeg",
    "audio/wav",
    "audio/mp4",
)

ONCE_VERIFIED: dict[str, tuple[Any, ...]] = {
    "status": ("DELETADA",),
    "hash_sha256": (),
    "tamanho_bytes": (),
    "content_type": (),
}
"""What the verification of an upload seals, each with the values that a device may still give it (docs/evidence.md)."""

_VERIFIED = "CONCLUIDA"
_any_status = choice(STATUS)


@shaped(Literal[tuple(word for word in STATUS if word != _VERIFIED)])
def _check_status(value: Any, path: str) -> None:
    """A device may report any status but the one that only a verified upload earns."""
    _any_status(value, path)
    if value == _VERIFIED:
        raise invalid(
            "CONCLUIDA is set by the server when an upload has been verified; complete the upload instead", path
        )


def _check_size(data: dict[str, Any], path: str) -> None:
    """The largest file depends on its tipo, where one patch says both."""
    tipo, size = data.get("tipo"), data.get("tamanho_bytes")
    if tipo is not None and size is not None and size > LARGEST_BYTES[tipo]:
        raise invalid(
            f"a file of tipo {tipo} may have {LARGEST_BYTES[tipo]:,} bytes; this has {size:,}; send a smaller one",
            f"{path}/tamanho_bytes",
        )


EVIDENCIA = EntityType(
    name="evidencia",
    municipio_from=MunicipioFrom.PARENT,
    parent=Parent(field="atividade_id", entity_type="atividade"),
    fields={
        "atividade_id": Field(check=check_reference, required=True, fixed=True),
        "tipo": Field(check=choice(LARGEST_BYTES)),
        "status": Field(check=_check_status, default="PENDENTE"),
        "hash_sha256": Field(check=pattern("[0-9a-f]{64}", "64 lower-case hexadecimal digits"), required=True),
        "tamanho_bytes": Field(check=integer(1, max(LARGEST_BYTES.values())), required=True),
        "content_type": Field(check=choice(CONTENT_TYPES)),
        "descricao": Field(check=text(500)),
        "metadata": Field(check=free_object(max_depth=16, max_bytes=64 * 1024)),
    },
    rules=(_check_size,),
)
