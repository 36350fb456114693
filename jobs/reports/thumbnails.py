"""Pictures that may stand in a report: small JPEGs, upright, in RGB or grey."""

import io
from typing import Final

from PIL import Image, ImageOps

_SIDE: Final = 640
_MOST_SIDE: Final = 2048
_MOST_PIXELS: Final = 100_000_000
"""Of a photo that is opened: 300 MB once it is unpacked, however few bytes it has."""
_QUALITY: Final = 82
_UNREADABLE: Final = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What Pillow raises of files that are not what they say."""


def is_jpeg(content: bytes) -> bool:
    """Whether this is a whole JPEG that may be put into a report as it is."""
    try:
        with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
            if image.mode not in ("RGB", "L") or max(image.size) > _MOST_SIDE:
                return False
            image.load()
    except _UNREADABLE:
        return False
    return True


def thumbnail_of(content: bytes) -> bytes | None:
    """The photo, small and upright by its EXIF orientation; None where it cannot be read or is too large."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            image.draft("RGB", (_SIDE, _SIDE))  # a JPEG is unpacked no larger than needed
            image.thumbnail((_SIDE, _SIDE))
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except _UNREADABLE:
        return None
    file = io.BytesIO()
    upright.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
