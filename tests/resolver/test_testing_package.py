"""`techdengue.testing`: its yardsticks measure right, its examples are wild enough, and it says what it needs."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from techdengue.testing import apply_patch, documents, laws, merge_patches, same
from techdengue.testing.patches import same_up_to_array_order
from tests.resolver.slow_model import canonical

HUNT = settings(max_examples=5_000, database=None, phases=(Phase.generate,))


@pytest.mark.parametrize(
    ("original", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_patch_of_the_laws_gives_the_results_of_rfc_7396_appendix_a(
    original: object, patch: object, result: object
) -> None:
    assert same(apply_patch(original, patch), result)


@settings(max_examples=300)
@given(documents(), documents())
def test_sameness_is_equality_of_canonical_texts(left: object, right: object) -> None:
    assert same(left, right) == (canonical(left) == canonical(right))
    assert same(left, json.loads(json.dumps(left)))


def test_arrays_may_differ_in_order_and_in_nothing_else() -> None:
    assert same_up_to_array_order({"a": [1, 2, 2]}, {"a": [2, 1.0, 2]})
    assert not same_up_to_array_order({"a": [1, 2, 2]}, {"a": [1, 1, 2]})
    assert not same_up_to_array_order({"a": [[1, 2]]}, {"a": [[2, 1]]})


@pytest.mark.parametrize(
    "wild",
    [
        lambda document: any(isinstance(value, dict) and value for value in document.values()),
        lambda document: any(isinstance(value, list) and {"id": 1} in value for value in document.values()),
        lambda document: any(isinstance(value, int) and value > 2**62 for value in document.values()),
        lambda document: any(not key.isascii() for key in document),
        lambda document: "" in document,
    ],
    ids=["deep", "objects in arrays", "large numbers", "unicode", "empty key"],
)
def test_documents_are_wild(wild: Callable[[dict[str, Any]], bool]) -> None:
    assert find(documents(), wild, settings=HUNT) is not None


def test_patches_aim_at_the_document_that_they_are_for() -> None:
    document = {"rare": {"nested": 1}}

    def removes(patch: dict[str, Any]) -> bool:
        return isinstance(patch.get("rare"), dict) and patch["rare"].get("nested", 1) is None

    assert find(merge_patches(document), removes, settings=HUNT)


@settings(max_examples=30)
@given(st.data())
def test_patches_hold_once_they_are_applied(data: st.DataObject) -> None:
    document = data.draw(documents())
    patch = data.draw(merge_patches(document))
    patched = apply_patch(document, patch)
    assert same(apply_patch(patched, patch), patched)


def test_without_hypothesis_the_package_says_what_to_install() -> None:
    program = "import sys; sys.modules['hypothesis'] = None; import techdengue.testing"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1
    assert "ImportError: techdengue.testing needs Hypothesis: pip install 'techdengue[testing]'" in run.stderr


def test_one_call_checks_all_laws() -> None:
    before = settings.get_current_profile_name()
    settings.register_profile("glance", max_examples=5, deadline=None, derandomize=True, database=None)
    settings.load_profile("glance")
    try:
        laws.check_all()
    finally:
        settings.load_profile(before)
