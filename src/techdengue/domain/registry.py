"""The entity types that devices may sync: a new one is a file of its own and a line here."""

from .atividade import ATIVIDADE
from .entity_type import EntityType
from .evidencia import EVIDENCIA

ENTITY_TYPES: dict[str, EntityType] = {
    entity_type.name: entity_type
    for entity_type in (
        ATIVIDADE,
        EVIDENCIA,
    )
}
