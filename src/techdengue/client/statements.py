"""The device's SQL, by name: `sql/NAME.sql`, read once at import."""

from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).with_name("sql")

STATEMENTS: Final[dict[str, str]] = {
    path.stem: path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("*.sql"))
}
