"""Reports to try things on: an activity in Cuiabá with evidence of every kind, and pictures of their own."""

import datetime as dt
import io
import random
import uuid

import msgspec
from PIL import Image, ImageDraw

from jobs.reports.evd01 import Activity, Evidence, Source
from jobs.reports.record import EvidenceRecord
from jobs.reports.sheet import Paper

CUIABA = "5103403"
POINT = (-56.0974, -15.6010)
REPORT = uuid.UUID("0192f3a1-c0de-7abc-8def-0123456789ab")
MADE_AT = dt.datetime(2026, 11, 28, 14, 30, 5, 123456, tzinfo=dt.UTC)
CONTENT_TYPES = {"FOTO": "image/jpeg", "VIDEO": "video/mp4", "AUDIO": "audio/mpeg", "DOCUMENTO": "application/pdf"}


def photo(seed: int, size: tuple[int, int] = (512, 384), quality: int = 82) -> bytes:
    """A JPEG that is like no other."""
    chance = random.Random(seed)  # noqa: S311 - pictures, not secrets
    image = Image.new("RGB", size, tuple(chance.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y, r = chance.randrange(size[0]), chance.randrange(size[1]), chance.randrange(5, 80)
        draw.ellipse([x - r, y - r, x + r, y + r], fill=tuple(chance.randrange(256) for _ in range(3)))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def evidence(number: int, tipo: str = "FOTO") -> Evidence:
    """The piece of this number; every fourth says no position, every fifth no time."""
    chance = random.Random(number)  # noqa: S311 - positions, not secrets
    near = (POINT[0] + chance.gauss(0, 0.0006), POINT[1] + chance.gauss(0, 0.0006))
    return Evidence(
        record=EvidenceRecord(
            id=f"e-{number:04}",
            hash=chance.randbytes(32).hex(),
            size=chance.randrange(1_000_000, 9_000_000),
            type=tipo,
            captured_at=MADE_AT - dt.timedelta(minutes=number) if number % 5 else None,
        ),
        object_key=f"files/{number}",
        content_type=CONTENT_TYPES[tipo],
        position=near if number % 4 else None,
        pixels=(4032, 3024) if tipo == "FOTO" else None,
        picture=photo(number) if tipo == "FOTO" else None,
    )


def activity() -> Activity:
    """Larvae in a vacant lot."""
    return Activity(
        municipio=CUIABA,
        atividade_id="a-77",
        version=7,
        tipo="PESQUISA_LARVARIA",
        status="CONCLUIDA",
        origem="DENUNCIA",
        descricao="Terreno baldio com pneus e caixas-d’água destampadas; larvas em três depósitos.",
        responsavel="maria.silva",
        position=POINT,
        iniciado_em=MADE_AT - dt.timedelta(hours=2),
        encerrado_em=MADE_AT - dt.timedelta(hours=1),
        metadata={"setor": "12", "quadra": "B-7", "larvas": True, "depositos": {"A2": 3, "D1": 1}},
    )


def source(count: int = 6, **changes: object) -> Source:
    """An EVD01 of so many pieces, mostly photos."""
    kinds = ("FOTO", "FOTO", "FOTO", "VIDEO", "DOCUMENTO", "AUDIO")
    made = Source(
        report_id=REPORT,
        asked_by="gestora.cuiaba",
        generated_at=MADE_AT,
        verification_url=f"https://vigilancia.example/verificar/{REPORT}",
        paper=Paper(),
        activity=activity(),
        evidence=[evidence(number, kinds[number % 6] if count > 1 else "FOTO") for number in range(count)],
    )
    return msgspec.structs.replace(made, **changes)
