"""The entity type `atividade`: a field activity (facts of the domain, "atividade")."""

from .entity_type import MUNICIPIO_FIELD, EntityType, Field
from .fields import check_municipio, choice, free_object, text
from .geo import check_point
from .rfc3339 import check_time

TIPOS = (
    "VISTORIA",
    "LIRAA",
    "NEBULIZACAO",
    "ARMADILHA",
    "PESQUISA_LARVARIA",
    "EDUCACAO",
    "BLOQUEIO",
    "OUTROS",
)
STATUS = ("CRIADA", "EM_ANDAMENTO", "CONCLUIDA", "CANCELADA")
ORIGENS = ("MANUAL", "IMPORTACAO", "ALERTA", "DENUNCIA")

ATIVIDADE = EntityType(
    name="atividade",
    fields={
        "tipo": Field(check=choice(TIPOS), required=True),
        "status": Field(check=choice(STATUS), default="CRIADA"),
        "origem": Field(check=choice(ORIGENS), default="MANUAL"),
        MUNICIPIO_FIELD: Field(check=check_municipio, required=True, fixed=True),
        "localizacao": Field(check=check_point),
        "descricao": Field(check=text(1_000)),
        "metadata": Field(check=free_object(max_depth=16, max_bytes=64 * 1024)),
        "usuario_responsavel": Field(check=text(255)),
        "iniciado_em": Field(check=check_time),
        "encerrado_em": Field(check=check_time),
    },
)
