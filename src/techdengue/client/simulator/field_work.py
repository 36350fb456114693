"""What field agents write down: visits, what they find, and photographs of it; as devices would send it."""

import datetime as dt
import io
import random
from typing import Any, Final

from techdengue.domain.times import to_micros, to_rfc3339

from .places import STREETS, Place

Data = dict[str, Any]

_TIPOS: Final = ("VISTORIA", "VISTORIA", "VISTORIA", "PESQUISA_LARVARIA", "LIRAA", "ARMADILHA", "BLOQUEIO", "EDUCACAO")
_ORIGENS: Final = ("MANUAL", "MANUAL", "ALERTA", "DENUNCIA")
_PROPERTIES: Final = ("residência", "comércio", "terreno baldio", "ponto estratégico")
_DEPOSITS: Final = {
    "A1": "caixa d'água elevada",
    "A2": "tambor ao nível do solo",
    "B": "vaso de planta com prato",
    "C": "calha entupida",
    "D1": "pneu",
    "D2": "lixo a céu aberto",
    "E": "bromélia",
}
_NOTES: Final = (
    "Morador ausente, retornar à tarde.",
    "Orientado a tampar a caixa d'água.",
    "Cão solto no quintal.",
    "Foco eliminado com larvicida.",
    "Imóvel fechado pela segunda vez.",
)
APP_VERSION: Final = "2.4.1"


def moment(at: dt.datetime) -> str:
    """A time as devices write it."""
    return to_rfc3339(to_micros(at))


def new_visit(rng: random.Random, place: Place, agent: str) -> Data:
    """A new atividade, planned and not begun."""
    district = rng.choice(place.districts)
    return {
        "tipo": rng.choice(_TIPOS),
        "status": "CRIADA",
        "origem": rng.choice(_ORIGENS),
        "municipio_cod_ibge": place.municipio,
        "localizacao": near(rng, place),
        "descricao": f"Visita no bairro {district}, {place.name}",
        "usuario_responsavel": agent,
        "metadata": {
            "setor": f"{rng.randint(1, 40):03d}",
            "quadra": rng.randint(1, 120),
            "imovel": {
                "tipo": rng.choice(_PROPERTIES),
                "logradouro": rng.choice(STREETS),
                "numero": str(rng.randint(1, 2400)),
                "bairro": district,
            },
            "app_version": APP_VERSION,
        },
    }


def near(rng: random.Random, place: Place) -> Data:
    """A GeoJSON point within some four kilometres of the town's middle."""
    longitude = round(place.longitude + rng.uniform(-0.04, 0.04), 6)
    latitude = round(place.latitude + rng.uniform(-0.04, 0.04), 6)
    return {"type": "Point", "coordinates": [longitude, latitude]}


def begun(at: dt.datetime) -> Data:
    """The patch of an agent who begins."""
    return {"status": "EM_ANDAMENTO", "iniciado_em": moment(at)}


def inspected(rng: random.Random) -> Data:
    """The patch of what was found: deposits of water, and larvae in some of them."""
    kinds = [kind for kind in _DEPOSITS if rng.random() < 0.4] or ["B"]
    found = [_deposit(rng, kind) for kind in kinds]
    larvae = sum(deposit["positivos"] * rng.randint(1, 25) for deposit in found)
    return {"metadata": {"depositos": found, "larvas": larvae}}


def concluded(at: dt.datetime) -> Data:
    """The patch of an agent who is done."""
    return {"status": "CONCLUIDA", "encerrado_em": moment(at)}


def cancelled() -> Data:
    """The patch of a visit that will not be."""
    return {"status": "CANCELADA", "metadata": {"motivo": "recusa do morador"}}


def noted(rng: random.Random) -> Data:
    """The patch of somebody who adds a remark, or takes one away."""
    if rng.random() < 0.2:
        return {"metadata": {"observacao": None}}
    return {"metadata": {"observacao": rng.choice(_NOTES), "visita": {"tentativas": rng.randint(1, 4)}}}


def moved(rng: random.Random, place: Place) -> Data:
    """The patch of a corrected position."""
    return {"localizacao": near(rng, place)}


def photograph(rng: random.Random, atividade_id: int | str, at: dt.datetime) -> Data:
    """An evidencia whose file is not uploaded yet."""
    return {
        "atividade_id": atividade_id,
        "tipo": "FOTO",
        "status": "PENDENTE",
        "hash_sha256": f"{rng.getrandbits(256):064x}",
        "tamanho_bytes": rng.randint(180_000, 4_500_000),
        "content_type": "image/jpeg",
        "descricao": "Depósito com água parada",
        "metadata": {
            "exif": {
                "make": "Samsung",
                "model": "SM-A155M",
                "datetime_original": moment(at),
                "orientation": rng.choice((1, 6, 8)),
            },
            "watermark": {"aplicada": True},
        },
    }


def small_jpeg(rng: random.Random) -> bytes:
    """A photograph of some ten kilobytes, a new one each time."""
    from PIL import Image  # only for those who ask for real files

    file = io.BytesIO()
    Image.frombytes("RGB", (32, 24), rng.randbytes(32 * 24 * 3)).resize((640, 480)).save(file, "JPEG", quality=70)
    return file.getvalue()


def _deposit(rng: random.Random, kind: str) -> Data:
    count = rng.randint(1, 6)
    return {
        "tipo": kind,
        "descricao": _DEPOSITS[kind],
        "quantidade": count,
        "positivos": rng.randint(0, count) if rng.random() < 0.5 else 0,
    }
