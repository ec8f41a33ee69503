"""Thanos Query's flags as its status page lists them."""

from __future__ import annotations

import pytest

from proxy.codec.flags_json import parse_flags
from proxy.errors import BadUpstreamAnswerError

LISTED = (
    b"""{"status":"success","data":{"query.replica-label":"b,a,c","query.enforce-tenancy":"false"}}"""
)


def test_flags_are_read_with_their_values() -> None:
    assert parse_flags(LISTED) == {"query.replica-label": "b,a,c", "query.enforce-tenancy": "false"}


def test_there_may_be_none() -> None:
    assert parse_flags(b'{"status":"success","data":{}}') == {}


def test_values_that_are_no_text_are_made_text() -> None:
    assert parse_flags(b'{"data":{"a":1}}') == {"a": "1"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"data":null}',
        b'{"data":[]}',
        b'{"data":"text"}',
        b'{"status":"error","error":"no"}',
        LISTED[:-2],
        b'{"data":{"a":"\xff"}}',
    ],
)
def test_what_lists_no_flags_is_refused(body: bytes) -> None:
    with pytest.raises(BadUpstreamAnswerError, match="status/flags"):
        parse_flags(body)
