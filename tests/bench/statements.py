"""The benchmark's SQL, by name: one statement a file in `sql/`."""

from pathlib import Path
from typing import Final

SQL: Final = {file.stem: file.read_text("utf-8") for file in sorted((Path(__file__).parent / "sql").glob("*.sql"))}
