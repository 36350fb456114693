"""`metadata` is free, but it is JSON that every part of the system can hold."""

import datetime as dt
import math
import sys

import pytest

from tests.domain.sending import update_refusal, updated

PATH = "/data/metadata"


def nested(depth: int) -> dict[str, object]:
    """An object `depth` containers deep, by turns objects and arrays."""
    value: object = "end"
    for level in range(depth, 0, -1):
        value = {"a": value} if level % 2 else [value]
    assert isinstance(value, dict)
    return value


def test_any_json_object_is_kept_as_it_is() -> None:
    metadata = {
        "setor": "12",
        "": "the empty key",
        "a/b~c": [1, -1.5, True, None, {"x": []}],
        "largest": 2**63 - 1,
        "smallest": -(2**63),
        "texto": "ção 😀 \\u0000 \n",
    }
    assert updated(metadata=metadata).data == {"metadata": metadata}
    assert updated("evidencia", metadata=metadata).data == {"metadata": metadata}


@pytest.mark.parametrize("metadata", ["x", 5, [], [{}], True])
def test_metadata_is_an_object(metadata: object) -> None:
    update_refusal(PATH, metadata=metadata)


def test_sixteen_deep_is_accepted_and_seventeen_is_not() -> None:
    assert updated(metadata=nested(16)).data
    update_refusal(PATH, metadata=nested(17))
    update_refusal(PATH, metadata=nested(200))


def test_a_depth_far_beyond_the_stack_is_refused_like_any_other() -> None:
    value: object = {}
    for _ in range(100_000):
        value = [value]
    assert sys.getrecursionlimit() < 100_000
    update_refusal(PATH, metadata={"a": value})
    update_refusal("/data/status", status=value)
    update_refusal("/data/localizacao", localizacao=value)
    update_refusal("/data/localizacao/coordinates/0", localizacao={"type": "Point", "coordinates": [value, 1]})
    while value:
        (value,) = value  # type: ignore[misc]  # taken apart level by level, for the same reason


def test_64_kib_as_json_is_accepted_and_a_byte_more_is_not() -> None:
    assert updated(metadata={"a": "x" * (65_536 - len('{"a":""}'))}).data
    assert "65,537" in update_refusal(PATH, metadata={"a": "x" * (65_537 - len('{"a":""}'))})
    update_refusal(PATH, metadata={"a": "é" * 32_768})


@pytest.mark.parametrize(
    "value",
    [2**63, -(2**63) - 1, 10**5000, math.nan, math.inf, -math.inf, "a\0b", "\ud800", "é\udfff", b"x", dt.date.max],
    ids=lambda value: type(value).__name__,
)
def test_what_json_or_postgresql_cannot_hold_is_refused_at_its_path(value: object) -> None:
    update_refusal(f"{PATH}/a", metadata={"ok": 1, "a": value})
    update_refusal(f"{PATH}/a~1b/1/c", metadata={"a/b": [{"c": 1}, {"c": value}]})


@pytest.mark.parametrize("key", ["a\0", "\ud800", "é\udc00", 5, None])
def test_a_bad_key_is_refused_at_the_object_that_holds_it(key: object) -> None:
    update_refusal(PATH, metadata={key: 1})
    update_refusal(f"{PATH}/list/0", metadata={"list": [{"fine": 1, key: 1}]})


def test_an_escaped_nul_that_is_only_text_is_no_nul() -> None:
    assert updated(metadata={"regex": "\\u0000"}).data


def test_long_names_above_many_values_are_refused_and_the_same_in_an_array_are_not() -> None:
    values = {f"{n:x}": 1 for n in range(1000)}
    assert updated(metadata={"n" * 500: values}).data
    assert updated(metadata={"n" * 600: [values]}).data
    assert "add up" in update_refusal(PATH, metadata={"n" * 600: values})
    assert "add up" in update_refusal(PATH, metadata={"a": {"n" * 300: {"m" * 300: values}}})


def test_an_object_too_small_for_its_names_to_matter_is_accepted() -> None:
    assert updated(metadata={"n" * 700: {chr(0x4E00 + n): 1 for n in range(90)}}).data
