"""The HTTP room: bytes to structs and back, who may call what, and nothing else."""

from .app import build_app
from .postgres_readers import PostgresReaders
from .services import Services

__all__ = ["PostgresReaders", "Services", "build_app"]
