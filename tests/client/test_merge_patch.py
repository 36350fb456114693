"""The examples of RFC 7396, appendix A, as far as a patch of ours is an object."""

from typing import Any

import pytest

from techdengue.client.merge_patch import apply_patch


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        (None, {"a": 1}, {"a": 1}),
    ],
)
def test_a_patch_does_what_the_rfc_says(document: Any, patch: dict[str, Any], result: dict[str, Any]) -> None:
    assert apply_patch(document, patch) == result


def test_the_document_that_is_patched_stays_as_it_was() -> None:
    document = {"metadata": {"setor": "12"}}
    apply_patch(document, {"metadata": {"setor": "13"}})
    assert document == {"metadata": {"setor": "12"}}
