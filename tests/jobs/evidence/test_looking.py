"""What a picture says of itself is read without trusting it."""

import datetime as dt
import io
import struct
import threading
import time
import warnings
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from jobs.evidence.distance import metres_between
from jobs.evidence.looking import BROKEN, NO_DECODER, SIDE, TOO_LARGE, Look, look_at
from techdengue.evidence.sniffing import sniff
from tests.evidence.making import MADE, picture

pytestmark = [  # Pillow warns of what is odd in a file, and goes on
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]
CUIABA = (-56.0967, -15.6010)
RED, BLUE = (200, 20, 20), (20, 20, 200)


def photo(*, size: tuple[int, int] = (800, 600), orientation: int | None = None, **noted: Any) -> bytes:
    """A JPEG, its left half red and its right half blue, with what a camera notes."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    exif = Image.Exif()
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
    exif.get_ifd(ExifTags.IFD.Exif).update(noted.get("taken", {}))
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(noted.get("place", {}))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90, exif=exif)
    return file.getvalue()


def at(longitude: float, latitude: float) -> dict[int, Any]:
    """The GPS notes of a place in the south and west."""

    def parts(value: float) -> tuple[float, float, float]:
        minutes, seconds = divmod(abs(value) * 3600, 60)
        degrees, minutes = divmod(minutes, 60)
        return degrees, minutes, round(seconds, 4)

    gps = ExifTags.GPS
    return {
        gps.GPSLatitude: parts(latitude),
        gps.GPSLatitudeRef: "S" if latitude < 0 else "N",
        gps.GPSLongitude: parts(longitude),
        gps.GPSLongitudeRef: "W" if longitude < 0 else "E",
    }


def shown(thumbnail: bytes | None) -> Image.Image:
    assert thumbnail is not None
    image = Image.open(io.BytesIO(thumbnail))
    assert image.format == "JPEG"
    return image


def is_like(found: Any, wanted: tuple[int, int, int]) -> bool:
    return all(abs(one - other) < 60 for one, other in zip(found, wanted, strict=True))


def test_a_thumbnail_is_a_small_jpeg_without_the_cameras_notes() -> None:
    look = look_at(photo(size=(3000, 1500), place=at(*CUIABA)))
    small = shown(look.thumbnail)
    assert small.size == (SIDE, SIDE // 2)
    assert not small.getexif()
    assert (look.width, look.height, look.flags) == (3000, 1500, ())


@pytest.mark.parametrize(
    ("orientation", "place"),
    [(1, "left"), (2, "right"), (3, "right"), (4, "left"), (5, "top"), (6, "top"), (7, "bottom"), (8, "bottom")],
)
def test_a_thumbnail_is_upright_whichever_way_the_phone_was_held(orientation: int, place: str) -> None:
    look = look_at(photo(orientation=orientation))
    small = shown(look.thumbnail)
    assert look.orientation == orientation
    assert (small.width < small.height) == (orientation > 4)
    x, y = {
        "left": (5, small.height // 2),
        "right": (small.width - 5, small.height // 2),
        "top": (small.width // 2, 5),
        "bottom": (small.width // 2, small.height - 5),
    }[place]
    assert is_like(small.getpixel((x, y)), RED)


@pytest.mark.parametrize(
    ("taken", "moment"),
    [
        ({"time": "2026:01:15 10:30:00"}, dt.datetime(2026, 1, 15, 14, 30, tzinfo=dt.UTC)),
        ({"time": "2026:01:15 10:30:00", "zone": "+00:00"}, dt.datetime(2026, 1, 15, 10, 30, tzinfo=dt.UTC)),
        ({"time": "2026:01:15 10:30:00", "zone": "-03:00"}, dt.datetime(2026, 1, 15, 13, 30, tzinfo=dt.UTC)),
        ({"time": "2026:01:15 10:30:00", "zone": "nonsense"}, dt.datetime(2026, 1, 15, 14, 30, tzinfo=dt.UTC)),
        ({"time": "0000:00:00 00:00:00"}, None),
        ({"time": "yesterday"}, None),
        ({"time": "0001:01:01 00:00:00", "zone": "+14:00"}, None),
        ({}, None),
    ],
)
def test_the_time_is_the_cameras_and_without_a_zone_the_fields(
    taken: dict[str, str], moment: dt.datetime | None
) -> None:
    tags = {"time": ExifTags.Base.DateTimeOriginal, "zone": ExifTags.Base.OffsetTimeOriginal}
    assert look_at(photo(taken={tags[name]: value for name, value in taken.items()})).captured_at == moment


def test_the_place_is_the_cameras() -> None:
    look = look_at(photo(place=at(*CUIABA)))
    assert look.longitude == pytest.approx(CUIABA[0], abs=1e-5)
    assert look.latitude == pytest.approx(CUIABA[1], abs=1e-5)


@pytest.mark.parametrize(
    "place",
    [
        {},
        at(0.0, 0.0),
        {**at(*CUIABA), ExifTags.GPS.GPSLatitude: (95.0, 0.0, 0.0)},
        {**at(*CUIABA), ExifTags.GPS.GPSLongitude: (10.0,)},
        {ExifTags.GPS.GPSLatitude: (15.0, 0.0, 0.0)},
    ],
    ids=["none", "no fix", "beyond the pole", "half", "latitude alone"],
)
def test_a_place_that_is_none_is_none(place: dict[int, Any]) -> None:
    look = look_at(photo(place=place))
    assert (look.longitude, look.latitude) == (None, None)
    assert look.thumbnail is not None


def bomb() -> bytes:
    """A PNG of a few kilobytes that says it has 400 million pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(5_000_000)))
        + chunk(b"IEND", b"")
    )


def large() -> bytes:
    """A PNG that is no bomb to Pillow, and more than we unpack."""
    file = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(file, "PNG")
    return file.getvalue()


def av1_in_heif(*, whole: bool) -> bytes:
    """An AVIF that its first bytes call a HEIC; broken, it is of what no other decoder raises."""
    file = io.BytesIO()
    Image.new("RGB", (48, 40)).save(file, "AVIF")
    content = file.getvalue().replace(b"ftypavif", b"ftypmif1", 1).replace(b"miaf", b"heic", 1)
    return content if whole else content.replace(b"iloc", b"iloq", 1)


@pytest.mark.parametrize("whole", [True, False])
def test_no_decoder_but_those_of_evidence_sees_a_file(whole: bool) -> None:
    content = av1_in_heif(whole=whole)
    assert sniff(content) == "image/heic"
    assert look_at(content) == Look(flags=(NO_DECODER,))


@pytest.mark.parametrize("failure", [RuntimeError, struct.error, zlib.error, ZeroDivisionError])
def test_whatever_a_decoder_makes_of_a_broken_file_is_flagged(
    failure: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(*_: Any, **__: Any) -> None:
        raise failure

    monkeypatch.setattr(Image.Image, "thumbnail", raising)
    assert look_at(picture()).flags == (BROKEN,)


def vast() -> bytes:
    """A JPEG of 100 million pixels, of which Pillow only warns: more than we open."""
    file = io.BytesIO()
    Image.new("L", (10_000, 10_000)).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "flag"),
    [
        (bomb(), TOO_LARGE),
        (large(), TOO_LARGE),
        (vast(), TOO_LARGE),
        (picture()[:400], BROKEN),
        (picture(2_000, 2_000)[:-60_000], BROKEN),
        (b"\xff\xd8\xff\xe0 and nothing more", BROKEN),
        (b"", BROKEN),
        (MADE["image/heic"], NO_DECODER),
    ],
    ids=["bomb", "large", "vast", "cut in its head", "cut", "a head alone", "nothing", "heic"],
)
def test_what_cannot_be_shown_is_flagged(content: bytes, flag: str) -> None:
    look = look_at(content)
    assert look.flags == (flag,)
    assert look.thumbnail is None


def test_a_photo_of_a_hundred_megapixels_is_unpacked_no_larger_than_its_thumbnail_needs() -> None:
    file = io.BytesIO()
    Image.new("L", (9_000, 9_000), 128).save(file, "JPEG")
    assert shown(look_at(file.getvalue()).thumbnail).size == (SIDE, SIDE)


def test_pictures_that_are_looked_at_side_by_side_leave_the_process_its_warnings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, really_open = list(warnings.filters), Image.open
    both, first_ended = threading.Barrier(2), threading.Event()
    looks: dict[str, Look] = {}

    def opened(file: Any, **how: Any) -> Any:
        both.wait(30)
        if threading.current_thread().name == "second":
            assert first_ended.wait(30)
        return really_open(file, **how)

    def look(name: str) -> None:
        looks[name] = look_at(photo())
        if name == "first":
            first_ended.set()

    monkeypatch.setattr(Image, "open", opened)
    threads = [threading.Thread(target=look, args=[name], name=name) for name in ("first", "second")]
    first, second = threads
    first.start()
    deadline = time.monotonic() + 30
    while both.n_waiting == 0 and time.monotonic() < deadline:
        time.sleep(0.01)  # a barrier tells nobody that somebody waits at it
    second.start()  # it begins after the first and ends after it
    for thread in threads:
        thread.join(60)
    assert {name: each.flags for name, each in looks.items()} == {"first": (), "second": ()}
    assert list(warnings.filters) == before


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_a_picture_of_any_kind_of_colour_has_a_thumbnail(mode: str) -> None:
    file = io.BytesIO()
    kind = "JPEG" if mode == "CMYK" else "PNG"
    Image.new(mode, (600, 300)).save(file, kind)
    assert shown(look_at(file.getvalue()).thumbnail).mode in ("RGB", "L")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_nothing_that_a_picture_holds_raises(data: st.DataObject) -> None:
    whole = photo(
        size=(40, 30), orientation=6, place=at(*CUIABA), taken={ExifTags.Base.DateTimeOriginal: "2026:01:15 10:30:00"}
    )
    broken = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(look_at(bytes(broken[: data.draw(st.integers(0, len(broken)))])), Look)


@pytest.mark.parametrize(
    ("one", "other", "metres"),
    [
        (CUIABA, CUIABA, 0),
        ((-56.0, -15.0), (-56.0, -16.0), 111_195),
        ((0.0, 0.0), (180.0, 0.0), 20_015_114),
        (CUIABA, (-56.0967, -15.6055), 500.4),
        ((179.9999, -15.0), (-179.9999, -15.0), 21.5),
    ],
)
def test_the_distance_of_two_points_is_right_within_a_hundredth(
    one: tuple[float, float], other: tuple[float, float], metres: float
) -> None:
    assert metres_between(one, other) == pytest.approx(metres, rel=0.01)
    assert metres_between(other, one) == metres_between(one, other)
