"""Label sets are sorted as Prometheus compares them."""

from __future__ import annotations

import functools
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec._pb.types_pb2 import Label, TimeSeries
from proxy.codec.labels_pb import label_key

Pairs = list[tuple[str, str]]

TEXTS = st.text("ab\0\x7fé\uffff\U00010000", max_size=2)
LABELS = st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=3).map(
    lambda found: sorted(found.items(), key=lambda pair: pair[0].encode())
)


def encoded(pairs: Pairs) -> bytes:
    return TimeSeries(labels=[Label(name=n, value=v) for n, v in pairs]).SerializeToString()


def compare(one: Pairs, other: Pairs) -> int:
    """Prometheus's `labels.Compare` (model/labels); Go compares strings by their bytes."""
    for (name, value), (other_name, other_value) in zip(one, other, strict=False):
        if name != other_name:
            return -1 if name.encode() < other_name.encode() else 1
        if value != other_value:
            return -1 if value.encode() < other_value.encode() else 1
    return len(one) - len(other)


@given(st.lists(LABELS, max_size=6))
def test_label_sets_stand_in_prometheuss_order(sets: list[Pairs]) -> None:
    in_order = sorted(sets, key=functools.cmp_to_key(compare))
    keys = [label_key(encoded(pairs)) for pairs in in_order]
    assert keys == sorted(keys)


@given(LABELS, LABELS)
def test_only_equal_label_sets_have_equal_keys(one: Pairs, other: Pairs) -> None:
    assert (label_key(encoded(one)) == label_key(encoded(other))) == (one == other)


@pytest.mark.parametrize(
    "in_order",
    [
        [[], [("a", "")], [("a", "1")], [("a", "1"), ("b", "1")], [("a", "2")], [("b", "0")]],
        [[("a", "b")], [("a", "b"), ("c", "d")], [("a", "bc")], [("ab", "c")]],
        [[("a", "\uffff")], [("a", "\U00010000")]],
    ],
    ids=["shorter first", "no text runs into the next", "bytes, not UTF-16"],
)
def test_some_orders_that_are_easily_mistaken(in_order: list[Pairs]) -> None:
    keys = [label_key(encoded(pairs)) for pairs in in_order]
    assert all(one < other for one, other in itertools.pairwise(keys))
