"""What a picture says of itself: its size, a thumbnail of it, and what the camera noted (EXIF). Pure."""

import datetime as dt
import io
import math
import struct
import zlib
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

SIDE: Final = 512
"""Pixels of the longer side of a thumbnail, at most."""
MOST_PIXELS: Final = 50_000_000
"""Of a picture that is unpacked: 200 MB of memory, however few bytes it has. A JPEG is unpacked to an eighth."""
MOST_PIXELS_OPENED: Final = 90_000_000
"""Of a picture of any kind: a progressive JPEG holds 6 bytes a pixel while it is unpacked to an eighth."""
TOO_LARGE: Final = "too_large"
BROKEN: Final = "broken"
NO_DECODER: Final = "no_decoder"

_ZONE: Final = ZoneInfo("America/Cuiaba")
"""Whose time a camera without a zone shows."""
_QUALITY: Final = 80
_READ: Final = ("JPEG", "PNG", "WEBP")
"""The formats of evidence that Pillow reads; none of its other decoders sees what a device sent."""
_UNREADABLE: Final = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    TypeError,
    KeyError,
    IndexError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow raises of files that are not what they say."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen. `orientation` is EXIF's, 1 to 8; degrees are WGS 84."""

    thumbnail: bytes | None = None
    width: int | None = None
    height: int | None = None
    captured_at: dt.datetime | None = None
    longitude: float | None = None
    latitude: float | None = None
    orientation: int | None = None
    flags: tuple[str, ...] = ()


def look_at(content: bytes) -> Look:
    """Look at a picture; what cannot be read is flagged, nothing is raised for it.

    Pillow also warns of what is odd in a file. Those warnings are left alone: filters of them are the whole process's,
    and pictures are looked at in threads.
    """
    try:
        image = Image.open(io.BytesIO(content), formats=_READ)
    except Image.DecompressionBombError:
        return Look(flags=(TOO_LARGE,))
    except UnidentifiedImageError:
        return Look(flags=(NO_DECODER if content[4:8] == b"ftyp" else BROKEN,))
    except _UNREADABLE:
        return Look(flags=(BROKEN,))
    with image:
        if image.width * image.height > MOST_PIXELS_OPENED:
            return Look(flags=(TOO_LARGE,))
        noted = _noted(image)
        thumbnail, flag = _thumbnail(image)
    return Look(thumbnail=thumbnail, flags=() if flag is None else (flag,), **noted)


def _thumbnail(image: Image.Image) -> tuple[bytes | None, str | None]:
    """A small upright JPEG without the camera's notes, or why there is none."""
    try:
        image.draft("RGB", (SIDE, SIDE))
        if image.width * image.height > MOST_PIXELS:
            return None, TOO_LARGE
        image.thumbnail((SIDE, SIDE))
        upright = _on_white(ImageOps.exif_transpose(image))
        file = io.BytesIO()
        upright.save(file, "JPEG", quality=_QUALITY)
    except Image.DecompressionBombError:
        return None, TOO_LARGE
    except _UNREADABLE:
        return None, BROKEN
    return file.getvalue(), None


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode not in ("RGBA", "LA", "PA", "P"):
        return image.convert("RGB")
    shown = image.convert("RGBA")
    ground = Image.new("RGB", shown.size, "white")
    ground.paste(shown, mask=shown.getchannel("A"))
    return ground


def _noted(image: Image.Image) -> dict[str, Any]:
    noted: dict[str, Any] = {"width": image.width, "height": image.height}
    try:
        exif = image.getexif()
        orientation = exif.get(ExifTags.Base.Orientation)
        taken = exif.get_ifd(ExifTags.IFD.Exif)
        place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    except _UNREADABLE:
        return noted
    if isinstance(orientation, int) and 1 <= orientation <= 8:
        noted["orientation"] = orientation
    noted["captured_at"] = _captured_at(taken)
    latitude = _degrees(place, ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, "S", 90.0)
    longitude = _degrees(place, ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, "W", 180.0)
    if latitude is not None and longitude is not None and (latitude, longitude) != (0.0, 0.0):  # a camera without a fix
        noted["latitude"], noted["longitude"] = latitude, longitude
    return noted


def _captured_at(taken: Any) -> dt.datetime | None:
    """When the shutter was released (Exif 3.0, DateTimeOriginal and OffsetTimeOriginal)."""
    try:
        moment = dt.datetime.strptime(_text(taken[ExifTags.Base.DateTimeOriginal]), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - below
    except (*_UNREADABLE, AttributeError):
        return None
    zone: dt.tzinfo = _ZONE
    try:
        zone = dt.datetime.strptime(_text(taken[ExifTags.Base.OffsetTimeOriginal]), "%z").tzinfo or _ZONE
    except (*_UNREADABLE, AttributeError):
        pass  # no zone is noted, or none that can be read: the field's own
    try:
        return moment.replace(tzinfo=zone).astimezone(dt.UTC)
    except (ValueError, OverflowError):  # in the first or the last day that there is
        return None


def _text(noted: Any) -> str:
    return (noted.decode("ascii", "replace") if isinstance(noted, bytes) else str(noted)).strip("\0 ")


def _degrees(place: Any, tag: int, side_tag: int, negative: str, most: float) -> float | None:
    try:
        degrees, minutes, seconds = (float(part) for part in place[tag])
        side = _text(place[side_tag]).upper()
    except (*_UNREADABLE, ZeroDivisionError, AttributeError):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(value) or not 0 <= value <= most:
        return None
    return -value if side.startswith(negative) else value
