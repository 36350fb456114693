"""Strategies for documents and merge patches: deep, type-changing, unicode, extreme numbers.

The alphabets are small on purpose: most of what is generated meets at the same few paths, where merges go wrong.
"""

import functools
from typing import Any

from hypothesis import strategies as st

KEYS = ("a", "b", "c", "", "/", "~", "~1", "status", "é", "\u2028", "😀")
"""Favourites first (examples shrink to them); then what a JSON Pointer must escape, and what is not ASCII."""

SCALARS: tuple[Any, ...] = (
    0, 1, 1.0, True, False, "", "1", "CONCLUIDA", "EM_ANDAMENTO",
    -0.0, 1.5, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1, 5e-324, 1.7976931348623157e308, 1e21,
    "ção", "e\u0301", "\ufffd", "😀", "a/b", "null",
)  # fmt: skip
"""Near-equals stand side by side: 0, -0.0 and false; 1, 1.0, true and "1"; two integers that are one double."""


@functools.cache
def keys() -> st.SearchStrategy[str]:
    """Keys of objects: collisions are frequent, any text is possible."""
    few = st.sampled_from(KEYS[:3])
    return st.one_of(few, few, few, st.sampled_from(KEYS), st.text(max_size=3))


@functools.cache
def scalars() -> st.SearchStrategy[Any]:
    """Scalars of JSON but null, which in a merge patch is no value."""
    return st.one_of(
        st.sampled_from(SCALARS[:6]),
        st.sampled_from(SCALARS),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
    )


@functools.cache
def arrays() -> st.SearchStrategy[list[Any]]:
    """Arrays of few different items, null, arrays and objects among them."""
    items = st.one_of(
        st.sampled_from((1, 1.0, True, "x", "y", None)),
        st.sampled_from(({"id": 1}, {"id": 1.0}, {"id": 2, "n": None}, [], [1])),
        scalars(),
    )
    return st.lists(items, max_size=4)


@functools.cache
def values(*, nulls: bool = False, depth: int = 3) -> st.SearchStrategy[Any]:
    """Values of a key: scalars, arrays and objects, and `null` where asked for."""
    options = [scalars(), arrays(), st.just({})]
    if nulls:
        options.append(st.none())
    if depth:
        options.append(_objects(nulls=nulls, depth=depth - 1))
    return st.one_of(options)


def documents() -> st.SearchStrategy[dict[str, Any]]:
    """Documents: objects without null but inside arrays, now and then empty."""
    some = _objects(nulls=False, depth=3, least=1)
    return st.one_of(some, some, some, st.just({}))


def merge_patches(document: Any = None) -> st.SearchStrategy[dict[str, Any]]:
    """JSON Merge Patches (RFC 7396). With a document, mostly for the paths that it has."""
    some = _objects(nulls=True, depth=2, least=1)
    anywhere = st.one_of(some, some, some, st.just({}))
    return _aimed(document, anywhere) if isinstance(document, dict) and document else anywhere


@st.composite
def _aimed(draw: st.DrawFn, document: dict[str, Any], anywhere: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    patch = dict(draw(anywhere))
    for key in draw(st.lists(st.sampled_from(sorted(document)), max_size=3, unique=True)):
        deeper = merge_patches(document[key])
        patch[key] = draw(st.one_of(deeper, values(nulls=True, depth=1)))
    return patch


@functools.cache
def _objects(*, nulls: bool, depth: int, least: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(keys(), values(nulls=nulls, depth=depth), min_size=least, max_size=3)
