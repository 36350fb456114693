"""EVD01, the evidence report of one activity: what it is made of, and how that is laid out on its sheets.

Pure: the same source is the same pages. The template says where things stand, this says what they are.
"""

import datetime as dt
import hashlib
import uuid
from typing import Any, Final

import msgspec

from jobs.evidence.distance import metres_between
from techdengue.domain.municipios import MUNICIPIOS

from . import merkle, places, wording
from .places import Boundaries, Point
from .record import EvidenceRecord, canonical
from .sheet import Paper, Sheet

CODE: Final = "EVD01"
TITLE: Final = "Relatório de evidências da atividade"
TEMPLATE: Final = "evd01.typ"
AUTOMATIC: Final = "TechDengue (emissão automática)"

_FLAGS: Final = {
    "gps_far": "Posição da foto longe da atividade",
    "too_large": "Imagem com pontos demais para uma miniatura",
    "broken": "Imagem danificada",
    "no_decoder": "Formato de imagem sem miniatura neste servidor",
}


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """The activity as the projection has it; what was not sent is None."""

    municipio: str
    atividade_id: str
    version: int
    tipo: str | None = None
    status: str | None = None
    origem: str | None = None
    descricao: str | None = None
    responsavel: str | None = None
    position: Point | None = None
    iniciado_em: dt.datetime | None = None
    encerrado_em: dt.datetime | None = None
    metadata: dict[str, Any] = {}


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One verified piece of evidence. `missing` says in Portuguese why a picture that should be there is not."""

    record: EvidenceRecord
    object_key: str
    content_type: str | None = None
    position: Point | None = None
    pixels: tuple[int, int] | None = None
    flags: tuple[str, ...] = ()
    picture: bytes | None = None
    missing: str | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an EVD01 says. `evidence` is in the order of the leaves; `unverified` counts what is left out."""

    report_id: uuid.UUID
    asked_by: str | None
    generated_at: dt.datetime
    verification_url: str
    paper: Paper
    activity: Activity
    evidence: list[Evidence]
    unverified: int = 0

    def leaves(self) -> list[bytes]:
        """The hash of each leaf."""
        return [merkle.leaf_hash(canonical(item.record)) for item in self.evidence]

    def content(self) -> bytes:
        """SHA-256 of what is reported, without who asked, when, and on which paper."""
        leaves = b"".join(self.leaves())
        said = [self.activity, self.unverified, [(i.object_key, i.position, i.pixels, i.flags) for i in self.evidence]]
        return hashlib.sha256(leaves + msgspec.json.encode(said, order="sorted")).digest()


def lay_out(source: Source, boundaries: Boundaries) -> Sheet:
    """The sheets' data and pictures. The root is over `source.evidence` as it stands."""
    leaves = source.leaves()
    data = {
        **source.paper.layout(),
        "code": CODE,
        "title": TITLE,
        "heading": _heading(source.activity),
        "asked_by": wording.printable(source.asked_by, 80) if source.asked_by else AUTOMATIC,
        "generated": f"{wording.local_time(source.generated_at)} (Cuiabá, UTC−4)",
        "place": wording.municipio(source.activity.municipio),
        "origin": "",
        "report_id": str(source.report_id),
        "root": merkle.root_of(leaves).hex(),
        "count": len(leaves),
        "url": source.verification_url,
        "identifier": wording.breakable(source.activity.atividade_id),
        "facts": _facts(source.activity),
        "description": None if not source.activity.descricao else wording.breakable(source.activity.descricao),
        "details": wording.details(source.activity.metadata),
        "places": [_known(drawing) for drawing in _drawings(source, boundaries)],
        "summary": _summary(source),
        "evidence": [_card(source, number, leaf) for number, leaf in enumerate(leaves, 1)],
    }
    pictures = {_file(n): i.picture for n, i in enumerate(source.evidence, 1) if i.picture is not None}
    return Sheet(
        template=TEMPLATE, data=data, files=pictures, url=source.verification_url, timestamp=source.generated_at
    )


def _heading(activity: Activity) -> str:
    tipo = wording.word_for(wording.TIPO_ATIVIDADE, activity.tipo)
    return f"{tipo if activity.tipo else 'Atividade'} em {MUNICIPIOS.get(activity.municipio, activity.municipio)}"


def _facts(activity: Activity) -> list[tuple[str, str]]:
    return [
        ("Município", wording.municipio(activity.municipio)),
        ("Tipo", wording.word_for(wording.TIPO_ATIVIDADE, activity.tipo)),
        ("Situação", wording.word_for(wording.STATUS_ATIVIDADE, activity.status)),
        ("Origem", wording.word_for(wording.ORIGEM, activity.origem)),
        ("Responsável", wording.breakable(activity.responsavel or wording.NOT_GIVEN)),
        ("Início", wording.local_time(activity.iniciado_em)),
        ("Encerramento", wording.local_time(activity.encerrado_em)),
        ("Posição", wording.coordinates(*activity.position) if activity.position else wording.NOT_GIVEN),
        ("Versão do registro", str(activity.version)),
    ]


def _drawings(source: Source, boundaries: Boundaries) -> list[places.Drawing]:
    point = source.activity.position
    drawn = [places.in_the_state(point, source.activity.municipio, boundaries)]
    marks = [(str(n), item.position) for n, item in enumerate(source.evidence, 1) if item.position is not None]
    if point is not None and (near := places.around(point, marks)):
        drawn.append(near)
    return drawn


def _known(drawing: places.Drawing) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(drawing)
    return built


def _summary(source: Source) -> str:
    kinds: dict[str, int] = {}
    for item in source.evidence:
        kinds[item.record.type or ""] = kinds.get(item.record.type or "", 0) + 1
    told = ", ".join(f"{count} {_plural(kind, count)}" for kind, count in sorted(kinds.items()))
    total = sum(item.record.size for item in source.evidence)
    counted = f"{told}: {wording.size(total)} no total, todas com envio verificado (tamanho e SHA-256)."
    if not source.unverified:
        return counted
    return f"{counted} Outras {source.unverified} sem envio verificado não fazem parte deste relatório."


def _plural(kind: str, count: int) -> str:
    word = wording.TIPO_EVIDENCIA.get(kind, "Evidência").lower()
    return word if count == 1 else f"{word}s"


def _card(source: Source, number: int, leaf: bytes) -> dict[str, Any]:
    item = source.evidence[number - 1]
    record = item.record
    kind = wording.word_for(wording.TIPO_EVIDENCIA, record.type) if record.type else "Evidência"
    return {
        "ordinal": str(number),
        "title": kind,
        "kind": kind,
        "identifier": wording.breakable(record.id),
        "picture": None if item.picture is None else _file(number),
        "icon": "DOCUMENTO" if item.content_type == "application/pdf" else record.type,
        "missing": item.missing,
        "lines": _lines(source.activity, item),
        "flags": [_FLAGS.get(flag, wording.printable(flag, 60)) for flag in item.flags],
        "bytes": wording.number(record.size),
        "captured_utc": wording.utc_time(record.captured_at),
        "hash": record.hash,
        "leaf": leaf.hex(),
    }


def _lines(activity: Activity, item: Evidence) -> list[str]:
    size = [wording.size(item.record.size)]
    if item.pixels is not None:
        size.append(f"{item.pixels[0]} × {item.pixels[1]} px")
    if item.content_type is not None:
        size.append(wording.printable(item.content_type, 40))
    taken = item.record.captured_at
    when = "Momento da captura não informado" if taken is None else f"Capturada em {wording.local_time(taken)}"
    return [when, _where(activity.position, item.position), " · ".join(size)]


def _where(activity: Point | None, position: Point | None) -> str:
    if position is None:
        return "Sem posição própria"
    if activity is None:
        return wording.coordinates(*position)
    metres = metres_between(activity, position)
    return f"{wording.coordinates(*position)} (a {wording.distance(metres)} da atividade)"


def _file(number: int) -> str:
    return f"picture-{number:04}.jpg"
