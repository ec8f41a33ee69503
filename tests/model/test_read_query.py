"""The words of a remote-read query have the numbers that travel, and compare by value."""

from __future__ import annotations

import pytest

from proxy.codec._pb import store_pb2, types_pb2
from proxy.model.read_query import Matcher, MatchType, Reader, ReadHints, ReadQuery


@pytest.mark.parametrize(
    ("kind", "of_remote_read", "of_store_api"),
    [
        (MatchType.EQUAL, "EQ", "EQ"),
        (MatchType.NOT_EQUAL, "NEQ", "NEQ"),
        (MatchType.REGEX, "RE", "RE"),
        (MatchType.NOT_REGEX, "NRE", "NRE"),
    ],
)
def test_kinds_of_matchers_have_the_numbers_of_both_protocols(
    kind: MatchType, of_remote_read: str, of_store_api: str
) -> None:
    assert types_pb2.LabelMatcher.Type.Value(of_remote_read) == kind
    assert store_pb2.LabelMatcher.Type.Value(of_store_api) == kind
    assert len(MatchType) == len(types_pb2.LabelMatcher.Type.keys())


def test_equal_questions_are_equal_and_can_be_keys() -> None:
    queries = [ReadQuery(0, 1, (Matcher(MatchType.EQUAL, "a", "b"),)) for _ in range(2)]
    assert len(set(queries)) == 1
    assert Reader(("a",)) != Reader(("b",))


def test_a_client_need_not_say_what_it_will_do_with_the_samples() -> None:
    assert ReadQuery(0, 1, ()).hints == ReadHints("", 0, 0)


def test_a_reader_is_of_no_tenant_and_deduplicates_nothing_unless_told() -> None:
    assert Reader(()) == Reader((), tenant_label="", tenant="", replica_labels=(), is_chain=False)
