"""Pictures for reports: upright, small, and nothing where a file is not what it says."""

import io
import struct
import zlib

import pytest
from PIL import Image

from jobs.reports.thumbnails import is_jpeg, thumbnail_of

from .samples import photo

ORIENTATION = 0x0112


def saved(image: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def bomb(side: int) -> bytes:
    """A PNG that says that it has so many pixels a side, and has none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (1, 1)), (6, (1, 0)), (8, (0, 1))])
def test_a_photo_stands_as_it_was_taken(orientation: int, corner: tuple[int, int]) -> None:
    image = Image.new("RGB", (1600, 1200), "white")
    image.paste("red", (0, 0, 400, 300))  # where the sensor's first pixels are
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    made = thumbnail_of(saved(image, exif=exif.tobytes()))
    assert made is not None
    with Image.open(io.BytesIO(made)) as small:
        assert max(small.size) == 640
        assert small.getexif().get(ORIENTATION) in (None, 1)
        x, y = (10 if side == 0 else length - 10 for side, length in zip(corner, small.size, strict=True))
        red = small.getpixel((x, y))
        assert isinstance(red, tuple)
        assert red[0] > 200
        assert red[1] < 60


@pytest.mark.parametrize(
    ("mode", "form"), [("RGBA", "PNG"), ("P", "PNG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("RGB", "WEBP")]
)
def test_whatever_the_photo_is_its_picture_is_a_jpeg_in_rgb(mode: str, form: str) -> None:
    made = thumbnail_of(saved(Image.new(mode, (800, 600)), form))
    assert made is not None
    assert is_jpeg(made)


@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", photo(1)[:700], bomb(12_000), bomb(40_000), saved(Image.new("RGB", (9, 9)), "PNG")[:40]],
)
def test_what_is_no_picture_or_too_large_gives_none(content: bytes) -> None:
    assert thumbnail_of(content) is None
    assert not is_jpeg(content)


def test_only_a_small_whole_jpeg_may_stand_as_it_is() -> None:
    assert is_jpeg(photo(1))
    assert not is_jpeg(photo(1)[:-200])
    assert not is_jpeg(saved(Image.new("RGB", (80, 60)), "PNG"))
    assert not is_jpeg(saved(Image.new("CMYK", (80, 60))))
    assert not is_jpeg(saved(Image.new("L", (4000, 10))))
