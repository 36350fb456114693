"""What reports say, in Brazilian Portuguese: words for the wire's values, and how numbers, sizes and times are written.

Text that people or devices wrote is shown only in letters that the embedded fonts have: PDF/A forbids a glyph that is
not there. Anything else is written by its number, so that nothing is dropped in silence.
"""

import datetime as dt
import unicodedata
from typing import Any, Final

from jobs.schedule import ZONE
from techdengue.domain.municipios import MUNICIPIOS

CUIABA: Final = ZONE
NOT_GIVEN: Final = "não informado"

TIPO_ATIVIDADE: Final = {
    "VISTORIA": "Vistoria",
    "LIRAA": "LIRAa",
    "NEBULIZACAO": "Nebulização",
    "ARMADILHA": "Armadilha",
    "PESQUISA_LARVARIA": "Pesquisa larvária",
    "EDUCACAO": "Educação",
    "BLOQUEIO": "Bloqueio",
    "OUTROS": "Outros",
}
STATUS_ATIVIDADE: Final = {
    "CRIADA": "Criada",
    "EM_ANDAMENTO": "Em andamento",
    "CONCLUIDA": "Concluída",
    "CANCELADA": "Cancelada",
}
ORIGEM: Final = {"MANUAL": "Manual", "IMPORTACAO": "Importação", "ALERTA": "Alerta", "DENUNCIA": "Denúncia"}
TIPO_EVIDENCIA: Final = {"FOTO": "Foto", "VIDEO": "Vídeo", "DOCUMENTO": "Documento", "AUDIO": "Áudio"}

_SHOWN: Final = (
    (0x20, 0x7E),
    (0xA0, 0xAC),
    (0xAE, 0x17F),
    (0x218, 0x21B),
    (0x300, 0x331),
    (0x384, 0x38A),
    (0x38C, 0x38C),
    (0x38E, 0x3A1),
    (0x3A3, 0x3CE),
    (0x401, 0x401),
    (0x403, 0x40C),
    (0x40F, 0x44F),
    (0x451, 0x451),
    (0x453, 0x453),
    (0x455, 0x458),
    (0x1E00, 0x1E9B),
    (0x1EA0, 0x1EF9),
    (0x2010, 0x2015),
    (0x2018, 0x2022),
    (0x2026, 0x2026),
    (0x2030, 0x2037),
    (0x2039, 0x203A),
    (0x2074, 0x208E),
    (0x20AC, 0x20AC),
    (0x2122, 0x2122),
    (0x2190, 0x2193),
    (0x2212, 0x2212),
    (0x2248, 0x2248),
    (0x2260, 0x2260),
    (0x2264, 0x2265),
)
"""First and last code points that every face of Libertinus Serif and DejaVu Sans Mono have."""
_BREAK_EVERY: Final = 18
_ZERO_WIDTH_SPACE: Final = "\u200b"
_UNITS: Final = ("bytes", "KiB", "MiB", "GiB")


def printable(text: str, most: int = 1000) -> str:
    """The text as it can be set: composed, in one line, cut after `most` characters, strange signs by number."""
    composed = " ".join(unicodedata.normalize("NFC", text[: most + 1]).split())
    shown = "".join(char if _is_shown(char) else f"[U+{ord(char):04X}]" for char in composed)
    return f"{shown}…" if len(text) > most else shown


def breakable(text: str) -> str:
    """A printable text in which a long word may be broken anywhere."""
    return " ".join(_broken(word) for word in printable(text).split(" "))


def word_for(words: dict[str, str], value: str | None) -> str:
    """The word for a value of the wire; the value itself where it is a new one."""
    return NOT_GIVEN if value is None else words.get(value, printable(value, 60))


def municipio(code: str) -> str:
    """`Cuiabá — MT (IBGE 5103403)`."""
    name = MUNICIPIOS.get(code)
    return f"IBGE {code}" if name is None else f"{name} — MT (IBGE {code})"


def local_time(moment: dt.datetime | None) -> str:
    """`28/11/2026 10:30:05` in Cuiabá, whatever the moment's zone."""
    return NOT_GIVEN if moment is None else moment.astimezone(CUIABA).strftime("%d/%m/%Y %H:%M:%S")


def day(date: dt.date) -> str:
    """`28/11/2026`."""
    return date.strftime("%d/%m/%Y")


def utc_time(moment: dt.datetime | None) -> str:
    """`2026-11-28 14:30:05`, UTC."""
    return "—" if moment is None else moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def number(value: float, decimals: int = 0) -> str:
    """`1.234,5`."""
    return f"{value:,.{decimals}f}".translate(str.maketrans(",.", ".,"))


def size(count: int) -> str:
    """`3,1 MiB`: three digits or so."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{number(value, 0 if unit == 0 else 1)} {_UNITS[unit]}"


def distance(metres: float) -> str:
    """`12 m`, `1,3 km`."""
    if round(metres) < 1000:
        return f"{number(metres)} m"
    return f"{number(metres / 1000, 0 if metres >= 10_000 or metres % 1000 == 0 else 1)} km"


def coordinates(longitude: float, latitude: float) -> str:
    """`-15.601400, -56.094900`: latitude first, as maps take it."""
    return f"{latitude:.6f}, {longitude:.6f}"


def details(metadata: dict[str, Any], most: int = 24) -> list[tuple[str, str]]:
    """What the field app noted beside, as far as it is a name and a plain value: at most so many."""
    found: list[tuple[str, str]] = []
    for name, value in metadata.items():
        if isinstance(value, dict):
            found += [(f"{name} · {inner}", _plain(plain)) for inner, plain in value.items() if _is_plain(plain)]
        elif _is_plain(value):
            found.append((name, _plain(value)))
    return [(breakable(name), breakable(value)) for name, value in found[:most]]


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | bool) and value != ""


def _plain(value: object) -> str:
    match value:
        case bool():
            return "sim" if value else "não"
        case float():
            return number(value, 2)
        case _:
            return str(value)[:200]


def _is_shown(char: str) -> bool:
    return any(first <= ord(char) <= last for first, last in _SHOWN)


def _broken(word: str) -> str:
    parts = [word[start : start + _BREAK_EVERY] for start in range(0, len(word), _BREAK_EVERY)]
    return _ZERO_WIDTH_SPACE.join(parts)
