"""Only a picture that the typesetter takes as it is may stand in a report as it is."""

import io

import pytest
from PIL import Image

from jobs.reports.thumbnails import is_jpeg

from .samples import photo


def saved(image: Image.Image, form: str = "JPEG") -> bytes:
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def test_a_small_whole_jpeg_may() -> None:
    assert is_jpeg(photo(1))
    assert is_jpeg(saved(Image.new("L", (80, 60))))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture",
        photo(1)[:700],
        photo(1)[:-200],
        saved(Image.new("RGB", (80, 60)), "PNG"),
        saved(Image.new("CMYK", (80, 60))),
        saved(Image.new("L", (4000, 10))),
    ],
)
def test_nothing_else_may(content: bytes) -> None:
    assert not is_jpeg(content)
