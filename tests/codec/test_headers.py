"""Which headers travel on."""

from __future__ import annotations

import pytest

from proxy.codec.headers import query_headers, request_headers, response_headers
from proxy.errors import BadDataError

TRAVELLERS = [
    ("THANOS-TENANT", "team-a"),
    ("X-Scope-OrgID", "1"),
    ("Authorization", "Bearer abc"),
    ("X-Request-ID", "01H"),
    ("traceparent", "00-4bf9-00f0-01"),
    ("Cookie", "a=b"),
    ("X-Twice", "1"),
    ("X-Twice", "2"),
    ("Accept", "*/*"),
    ("User-Agent", "Grafana/11"),
]
HOPS = [
    ("Connection", "keep-alive"),
    ("Keep-Alive", "timeout=5"),
    ("Proxy-Authenticate", "Basic"),
    ("Proxy-Authorization", "Basic eA=="),
    ("Proxy-Connection", "keep-alive"),
    ("TE", "trailers"),
    ("Trailer", "X-Sum"),
    ("Transfer-Encoding", "chunked"),
    ("Upgrade", "websocket"),
]


def test_what_belongs_to_one_connection_stays_there_in_both_directions() -> None:
    assert request_headers([*HOPS, *TRAVELLERS]) == TRAVELLERS
    assert list(query_headers([*TRAVELLERS, *HOPS])) == TRAVELLERS
    assert response_headers([*HOPS, *TRAVELLERS], keep_length=True) == TRAVELLERS


def test_headers_that_connection_names_stay_too_whatever_their_case() -> None:
    """In an answer; a request that would take its identity off on the way is refused."""
    pairs = [
        ("connection", "close, X-Secret"),
        ("x-secret", "1"),
        ("Connection", "x-OTHER"),
        ("X-Other", "2"),
        ("X-Kept", "3"),
    ]
    assert response_headers(pairs, True) == [("X-Kept", "3")]
    for travel in (request_headers, query_headers):
        with pytest.raises(BadDataError, match="Connection must not name the header x-secret"):
            travel(pairs)
        assert list(travel([("Connection", "X-Absent, TE"), ("TE", "a"), *TRAVELLERS])) == TRAVELLERS


def test_host_and_length_are_written_anew_for_the_upstream() -> None:
    pairs = [("Host", "grafana"), ("Content-Length", "7"), ("Expect", "100-continue"), ("A", "b")]
    assert request_headers(pairs) == [("A", "b")]


@pytest.mark.parametrize(
    "name", ["Accept-Encoding", "Content-Type", "Cache-Control", "Pragma", "Origin"]
)
def test_a_split_has_its_own_form_encoding_and_caching(name: str) -> None:
    assert query_headers([(name, "x")]) == ()
    assert request_headers([(name, "x")]) == [(name, "x")]


def test_a_split_says_nothing_of_the_encoding_of_the_clients_body() -> None:
    assert query_headers([("Content-Encoding", "gzip")]) == ()
    assert request_headers([("Content-Encoding", "gzip")]) == [("Content-Encoding", "gzip")]


@pytest.mark.parametrize("value", ["\udce9", "ok \udcff"])
def test_a_value_that_would_lose_bytes_is_refused(value: str) -> None:
    for travel in (request_headers, query_headers):
        with pytest.raises(BadDataError, match="X-Name is not UTF-8"):
            travel([("X-Name", value)])
        assert list(travel([("X-Name", "é日"), ("Connection", value)])) == [("X-Name", "é日")]


def test_an_answer_keeps_its_headers_and_gets_a_date_of_its_own() -> None:
    pairs = [
        ("Content-Type", "application/json"),
        ("Content-Encoding", "gzip"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("Date", "today"),
        ("Server", "nginx"),
        ("Content-Length", "5"),
    ]
    assert response_headers(pairs, keep_length=True) == [*pairs[:4], pairs[6]]
    assert response_headers(pairs, keep_length=False) == pairs[:4]
