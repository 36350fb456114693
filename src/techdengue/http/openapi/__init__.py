"""The OpenAPI document of the whole wire, with an example of every answer and every error."""

from .document import build_document
from .operation import Operation
from .operations import OPERATIONS

__all__ = ["OPERATIONS", "Operation", "build_document"]
