"""Which pictures may stand in a report as they are: small JPEGs in RGB or grey."""

import io
from typing import Final

from PIL import Image

_MOST_SIDE: Final = 2048
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
