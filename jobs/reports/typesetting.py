"""Sheets into PDF/A-2b, by Typst: the same sheet is the same bytes, on any machine, at any time.

No font of the machine is used: all are embedded in the typesetter, and from there in the file.
"""

import asyncio
import importlib.util
import io
import tempfile
from pathlib import Path
from typing import Any, Final

import msgspec

from .errors import RendererMissing, SheetRefused
from .sheet import Sheet

STANDARD: Final = "a-2b"
_TEMPLATES: Final = Path(__file__).parent / "templates"
_SHARED: Final = ("sheet.typ", "map.typ")


async def typeset(sheet: Sheet) -> bytes:
    """The PDF. Raises RendererMissing where the extra `reports` is not installed, SheetRefused."""
    return await asyncio.to_thread(typeset_now, sheet)


def typeset_now(sheet: Sheet) -> bytes:
    """The same, in this thread."""
    typst, segno = _renderers()
    files = {
        **{name: (_TEMPLATES / name).read_bytes() for name in (sheet.template, *_SHARED)},
        "data.json": msgspec.json.encode(sheet.data),
        "qr.svg": _qr(segno, sheet.url),
        **sheet.files,
    }
    # Pictures have to be files; the typesetter sees nothing outside of this directory.
    with tempfile.TemporaryDirectory(prefix="techdengue-sheet-") as directory:
        for name, content in files.items():
            Path(directory, name).write_bytes(content)
        return _compiled(typst, Path(directory), sheet)


def _compiled(typst: Any, directory: Path, sheet: Sheet) -> bytes:
    moment = sheet.timestamp.replace(microsecond=0)
    try:
        pdf: bytes = typst.compile(
            directory / sheet.template,
            root=directory,
            format="pdf",
            pdf_standards=STANDARD,
            timestamp=moment,
            ignore_system_fonts=True,
        )
    except typst.TypstError as error:
        raise SheetRefused(f"{error.message} {' '.join(error.hints)}".strip()) from error
    return pdf


def _renderers() -> tuple[Any, Any]:
    if importlib.util.find_spec("typst") is None or importlib.util.find_spec("segno") is None:
        raise RendererMissing
    import segno  # an extra: 80 MB that a server without this queue does not need
    import typst

    return typst, segno


def _qr(segno: Any, url: str) -> bytes:
    drawn = io.BytesIO()
    segno.make(url, error="m", micro=False).save(drawn, kind="svg", border=0, xmldecl=False, svgns=True)
    return drawn.getvalue()
