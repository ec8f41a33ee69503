"""What a proxy asks is read from the bytes of its connection."""

from __future__ import annotations

import urllib.parse

import pytest

from benchmarks.asked import Request, RequestReader, is_counted, samples_asked

GET = b"GET /api/v1/labels HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /api/v1/query_range HTTP/1.1\r\nContent-Length: 5\r\nHost: a\r\n\r\na=b&c"


def form(**parameters: str) -> str:
    return urllib.parse.urlencode({"query": 'bench_value{group="g00"}', **parameters})


def test_requests_are_found_however_the_bytes_are_cut() -> None:
    whole = GET + POST + GET
    expected = [
        Request("/api/v1/labels", b""),
        Request("/api/v1/query_range", b"a=b&c"),
        Request("/api/v1/labels", b""),
    ]
    for cut in range(len(whole)):
        reader = RequestReader()
        assert reader.feed(whole[:cut]) + reader.feed(whole[cut:]) == expected


def test_a_request_is_complete_only_with_its_body() -> None:
    reader = RequestReader()
    assert reader.feed(POST[:-1]) == []
    assert reader.feed(POST[-1:]) == [Request("/api/v1/query_range", b"a=b&c")]


def test_a_chunked_body_is_passed_over() -> None:
    head = b"POST /api/v1/read HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    reader = RequestReader()
    assert reader.feed(head + b"3\r\nabc\r\n") == []
    assert reader.feed(b"0\r\n\r\n" + GET) == [
        Request("/api/v1/read", b""),
        Request("/api/v1/labels", b""),
    ]
    assert reader.feed(head + b"0\r\n\r\n") == [Request("/api/v1/read", b"")]


@pytest.mark.parametrize(
    ("parameters", "samples"),
    [
        ({"start": "0", "end": "600", "step": "60"}, 40 * 11),
        ({"start": "0", "end": "599.999", "step": "60"}, 40 * 10),
        ({"start": "1.5", "end": "1.5", "step": "1m"}, 40),
        ({"start": "0.1", "end": "0.4", "step": "0.1"}, 40 * 4),
        ({"start": "60", "end": "0", "step": "60"}, 0),
        ({"start": "0", "end": "600", "step": "what"}, 0),
        ({"start": "0", "end": "600"}, 0),
    ],
)
def test_a_range_query_asks_for_series_times_steps(parameters: dict[str, str], samples: int) -> None:
    text = form(**parameters)
    assert samples_asked(f"/api/v1/query_range?{text}") == samples
    assert samples_asked("/api/v1/query_range", text.encode()) == samples


def test_an_instant_query_asks_for_one_step() -> None:
    assert samples_asked(f"/api/v1/query?{form(time='7')}") == 40


def test_other_requests_ask_for_no_samples() -> None:
    assert samples_asked(f"/api/v1/series?{form(start='0', end='600', step='60')}") == 0


def test_looks_at_stores_and_health_are_not_counted() -> None:
    assert is_counted("/api/v1/query_range?query=up")
    assert not is_counted("/api/v1/stores")
    assert not is_counted("/api/v1/status/flags")
    assert not is_counted("/-/ready")
