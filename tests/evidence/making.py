"""Small real files of every kind that an evidencia may be, and what only looks like one."""

import base64
import io
import os
import struct
import wave
from typing import Any

from PIL import Image

_HEIC = (
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAARttZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5w"
    "aXRtAAAAAAABAAAAImlsb2MAAAAAREAAAQABAAAAAAE/AAEAAAAAAAAAJAAAACNpaW5mAAAAAAABAAAAFWluZmUCAAAAAAEAAGh2YzEA"
)
"""The boxes at the beginning of a picture of an iPhone; no picture follows."""


def picture(width: int = 320, height: int = 240, *, kind: str = "JPEG", noise: float = 40.0, **saved: Any) -> bytes:
    """A picture that is different each time."""
    image = Image.effect_noise((width, height), noise).convert("RGB")
    image.putpixel((0, 0), (*os.urandom(3),))
    file = io.BytesIO()
    image.save(file, kind, **saved)
    return file.getvalue()


def photo(size: int) -> bytes:
    """A JPEG of exactly so many bytes: what follows the picture's end is padding, which every reader skips."""
    made = picture()
    assert len(made) <= size
    return made + bytes(size - len(made))


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def video(size: int, *, brand: bytes = b"isom") -> bytes:
    """An MP4 (or with brand `qt  ` a QuickTime) file of exactly so many bytes."""
    also = b"" if brand == b"qt  " else b"mp41"
    head = _box(b"ftyp", brand + bytes(4) + brand + also)
    return head + _box(b"mdat", os.urandom(size - len(head) - 8))


def sound() -> bytes:
    """A WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(8000)
        written.writeframes(os.urandom(4000))
    return file.getvalue()


def document() -> bytes:
    """A PDF."""
    return (
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog>>\nendobj\n% "
        + os.urandom(8).hex().encode()
        + b"\n%%EOF"
    )


MADE: dict[str, bytes] = {
    "image/jpeg": picture(),
    "image/png": picture(kind="PNG"),
    "image/webp": picture(kind="WEBP"),
    "image/heic": base64.b64decode(_HEIC) + bytes(64),
    "video/mp4": video(2_000),
    "video/quicktime": video(2_000, brand=b"qt  "),
    "application/pdf": document(),
    "audio/mpeg": b"ID3\x03\x00\x00\x00\x00\x00\x00" + (b"\xff\xfb\x90\x00" + bytes(413)) * 4,
    "audio/wav": sound(),
    "audio/mp4": video(2_000, brand=b"M4A "),
}
"""A file of every content type that an evidencia may have."""

TIPO = {"image": "FOTO", "video": "VIDEO", "application": "DOCUMENTO", "audio": "AUDIO"}


def tipo_of(content_type: str) -> str:
    """The tipo of a file of that type."""
    return TIPO[content_type.partition("/")[0]]
