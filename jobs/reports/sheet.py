"""Sheets of paper, and what is put on them before it is typeset."""

import datetime as dt
import enum
from typing import Any, Final

import msgspec


class PageSize(enum.StrEnum):
    """ISO 216."""

    A4 = "A4"
    A1 = "A1"


class Orientation(enum.StrEnum):
    """Which side is up."""

    PORTRAIT = "portrait"
    LANDSCAPE = "landscape"


class _Format(msgspec.Struct, frozen=True):
    """Millimetres of the sheet, and what suits it: the type's scale and how many evidence cards stand in a row."""

    width: int
    scale: float
    columns: int
    map_width: float
    fact_columns: int
    hash_parts: int


_FORMATS: Final = {
    (PageSize.A4, Orientation.PORTRAIT): _Format(210, 1.0, 3, 64, 2, 2),
    (PageSize.A4, Orientation.LANDSCAPE): _Format(297, 1.0, 4, 74, 3, 1),
    (PageSize.A1, Orientation.PORTRAIT): _Format(594, 2.2, 4, 170, 3, 1),
    (PageSize.A1, Orientation.LANDSCAPE): _Format(841, 2.2, 6, 210, 3, 1),
}
_SIDE_MARGIN: Final = 14
_GUTTER: Final = 4.5


class Paper(msgspec.Struct, frozen=True):
    """What a report is printed on."""

    size: PageSize = PageSize.A4
    orientation: Orientation = Orientation.PORTRAIT

    def layout(self) -> dict[str, Any]:
        """The numbers that the templates want; lengths are millimetres."""
        form = _FORMATS[self.size, self.orientation]
        content = form.width - 2 * _SIDE_MARGIN * form.scale
        column = (content - (form.columns - 1) * _GUTTER * form.scale) / form.columns
        return {
            "paper": self.size.value.lower(),
            "flipped": self.orientation is Orientation.LANDSCAPE,
            "scale": form.scale,
            "columns": form.columns,
            "picture_height": round(column * 0.66, 2),
            "map_width": form.map_width,
            "fact_columns": form.fact_columns,
            "hash_parts": form.hash_parts,
        }


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """What the typesetter is given. `files` are pictures by the names that `data` calls them, `url` is what the QR code
    leads to, `timestamp` the PDF's creation date."""

    template: str
    data: dict[str, Any]
    files: dict[str, bytes] = {}
    url: str
    timestamp: dt.datetime
