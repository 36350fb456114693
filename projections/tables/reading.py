"""Typed columns out of documents. What is not of the column's type is NULL there: the document itself still has it."""

import datetime as dt
from typing import Any

import msgspec

from techdengue.domain.entity_type import EntityType
from techdengue.domain.errors import InvalidOperation
from techdengue.domain.rfc3339 import read_time
from techdengue.domain.times import from_micros

_LARGEST_BIGINT = 2**63 - 1


class Fields:
    """A document's fields, with the type's defaults where it holds none."""

    def __init__(self, document: dict[str, Any], entity_type: EntityType) -> None:
        self._values = {**entity_type.defaults, **document}

    def text(self, name: str) -> str | None:
        """A string."""
        value = self._values.get(name)
        return value if isinstance(value, str) else None

    def identifier(self, name: str) -> str | None:
        """A string or an integer, as text."""
        value = self._values.get(name)
        return str(value) if isinstance(value, str) or type(value) is int else None

    def integer(self, name: str) -> int | None:
        """An integer that a bigint holds."""
        value = self._values.get(name)
        return value if type(value) is int and abs(value) <= _LARGEST_BIGINT else None

    def moment(self, name: str) -> dt.datetime | None:
        """A time with an offset."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            return from_micros(read_time(value, name))
        except (InvalidOperation, OverflowError):
            return None

    def json(self, name: str) -> str | None:
        """Whatever it is, as JSON."""
        value = self._values.get(name)
        return None if value is None else msgspec.json.encode(value).decode()

    def coordinates(self, name: str) -> tuple[float | None, float | None, float | None]:
        """Longitude, latitude and altitude of a GeoJSON Point (RFC 7946)."""
        point = self._values.get(name)
        parts = point.get("coordinates") if isinstance(point, dict) else None
        if not isinstance(parts, list) or not 2 <= len(parts) <= 3:
            return None, None, None
        numbers = [float(part) if type(part) in (int, float) else None for part in parts]
        return numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else None
