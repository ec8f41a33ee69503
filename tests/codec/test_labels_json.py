"""The order of series."""

from __future__ import annotations

import itertools

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.go_json import label_text
from proxy.codec.labels_json import sort_key

LABELS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
    max_size=4,
)


def metric(labels: dict[str, str]) -> bytes:
    fields = ",".join(f"{label_text(n)}:{label_text(v)}" for n, v in sorted(labels.items()))
    return f"{{{fields}}}".encode()


def go_compare(a: dict[str, str], b: dict[str, str]) -> int:
    """`labels.Compare` of Prometheus: pair by pair as UTF-8 bytes, then by the number of pairs."""
    left, right = sorted(a.items()), sorted(b.items())
    for pair, other in zip(left, right, strict=False):
        for mine, theirs in zip(pair, other, strict=True):
            if mine != theirs:
                return -1 if mine.encode() < theirs.encode() else 1
    return len(left) - len(right)


@given(LABELS, LABELS)
def test_series_stand_in_the_order_of_prometheus(a: dict[str, str], b: dict[str, str]) -> None:
    key_a, key_b = sort_key(metric(a)), sort_key(metric(b))
    assert (key_a > key_b) - (key_a < key_b) == (go_compare(a, b) > 0) - (go_compare(a, b) < 0)


def test_a_label_set_stands_before_those_that_extend_it() -> None:
    texts = [b"{}", b'{"a":"1"}', b'{"a":"1","b":""}', b'{"a":"2"}', b'{"b":"1"}']
    keys = [sort_key(text) for text in texts]
    assert all(a < b for a, b in itertools.pairwise(keys))


def test_what_looks_like_structure_inside_a_label_is_only_text() -> None:
    assert sort_key(b'{"a":"}],\\"b\\":1"}') == ("a", '}],"b":1')


@pytest.mark.parametrize("text", [b"", b"{", b'{"a":}', b"{'a':'b'}", b'{"a":"\xff"}'])
def test_what_is_not_json_is_refused(text: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        sort_key(text)
