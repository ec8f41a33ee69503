"""Which failed attempts are worth another one."""

from __future__ import annotations

import pytest

from proxy.upstream.retry import is_error_json, is_worth_retrying

ERROR = b'{"status":"error","errorType":"timeout","error":"query timed out"}'
HTML = b"<html><body><h1>503 Service Unavailable</h1></body></html>"


@pytest.mark.parametrize(
    ("status", "body", "is_worth_it"),
    [
        (502, HTML, True),
        (502, ERROR, True),
        (504, b"", True),
        (503, HTML, True),
        (503, b"", True),
        (503, b"no healthy upstream", True),
        (503, b'{"message":"no Route matched"}', True),
        (503, ERROR, False),
        (500, HTML, False),
        (422, ERROR, False),
        (429, b"", False),
        (400, ERROR, False),
        (401, b"", False),
        (200, b"", False),
        (302, HTML, False),
    ],
)
def test_only_what_a_gateway_says_for_want_of_an_upstream_is_asked_again(
    status: int, body: bytes, is_worth_it: bool
) -> None:
    assert is_worth_retrying(status, body) is is_worth_it


@pytest.mark.parametrize(
    ("body", "is_it"),
    [
        (ERROR, True),
        (ERROR[:20], True),
        (b'{ "status": "error", "errorType": "internal" }', True),
        (b'{"status":"success"}', False),
        (b'{"status":"errored"}', False),
        (b'{"error":"x"}', False),
        (b"", False),
        (HTML, False),
    ],
)
def test_the_error_json_of_prometheus_is_known_by_its_start(body: bytes, is_it: bool) -> None:
    assert is_error_json(body) is is_it
