"""What can go wrong in projections and their queries.

ProjectionError
├── CursorFromElsewhere     a cursor of another list, territory, filter or log
├── SeveralEntities         entities of this type and id exist in several municípios: name one
├── ReplayDiverged          an event does not replay as it was recorded
└── RebuildRunning          somebody else is rebuilding this projection
"""


class ProjectionError(Exception):
    """Any error of the projections' own."""


class CursorFromElsewhere(ProjectionError):
    """A cursor of another list, territory, filter or log, or none at all."""

    def __init__(self) -> None:
        super().__init__("this cursor does not belong to this list, territory and filter: start without one")


class SeveralEntities(ProjectionError):
    """Entities of this type and id exist in several of the caller's municípios."""

    def __init__(self, *, entity_type: str, entity_id: str, municipios: tuple[str, ...]) -> None:
        super().__init__(f"{entity_type} {entity_id} exists in several municípios: name one")
        self.entity_type = entity_type
        self.entity_id = entity_id
        self.municipios = municipios


class ReplayDiverged(ProjectionError):
    """An event does not replay as it was recorded: the log or a rule set has been tampered with."""

    def __init__(self, *, lane: int, position: int, reason: str) -> None:
        super().__init__(f"lane {lane}, position {position}: {reason}")
        self.lane = lane
        self.position = position


class RebuildRunning(ProjectionError):
    """Somebody else is rebuilding this projection."""

    def __init__(self, *, name: str) -> None:
        super().__init__(f"projection {name!r} is being rebuilt by somebody else")
        self.name = name
