"""Requests that two servers may read in two ways are refused; those that mean one thing are not."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from aiohttp import HttpVersion, HttpVersion10, HttpVersion11
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from proxy.api.shapes import Refusal, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping


def judged(
    target: str = "/api/v1/query",
    method: str = "GET",
    version: HttpVersion = HttpVersion11,
    headers: Mapping[str, str] | None = None,
) -> Refusal | None:
    return refusal(make_mocked_request(method, target, headers=headers, version=version))


def status(**request: object) -> int | None:
    found = judged(**request)  # type: ignore[arg-type]
    return found and found.status


PLAIN = ["/", "/api/v1/query?query=a..b", "/x/..y/z...", "/a%2Fb", "/%E2%82%AC", "/x?next=//y"]


@pytest.mark.parametrize("target", PLAIN)
def test_a_path_that_means_one_thing_is_taken(target: str) -> None:
    assert judged(target) is None


CLIMBING = [
    "/../x", "/x/..", "/x/%2e%2e/y", "/x/.%2E/y", "/x\\..\\y", "/x%5c..%5cy", "/x/%252e%252e/y",
    "/x/%25252e./y", "/x/..;a=1/y", "/x/..%3b/y",
]  # fmt: skip


@pytest.mark.parametrize("target", CLIMBING)
def test_a_path_that_climbs_is_refused_however_it_is_written(target: str) -> None:
    found = judged(target)
    assert found == (HTTPStatus.BAD_REQUEST, "the request's path must not hold .. between slashes")


@pytest.mark.parametrize("target", ["//evil/x", "x", "*", "http://evil/x", "/x#y"])
def test_a_target_that_is_no_path_of_this_server_is_refused(target: str) -> None:
    assert status(target=target) == 400


@given(st.lists(st.sampled_from(["a", "/", ".", "%2e", "%25", "\\", ";", "%5C"]), max_size=12))
def test_whatever_is_taken_stays_below_the_root_when_all_is_decoded(parts: list[str]) -> None:
    path = "/x" + "".join(parts)
    plain = path
    for _ in range(len(parts) + 1):
        for escaped, sign in (("%25", "%"), ("%2e", "."), ("%5C", "\\")):
            plain = plain.replace(escaped, sign)
    names = [part.partition(";")[0] for part in plain.replace("\\", "/").split("/")]
    assert (judged(path) is None) == (".." not in names)


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_no_tunnel_is_made_and_no_headers_are_shown(method: str) -> None:
    assert status(method=method) == 405


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_the_usual_methods_are_taken(method: str) -> None:
    assert judged(method=method) is None


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"Transfer-Encoding": "Chunked"}, None),
        ({"Transfer-Encoding": "gzip, chunked"}, 501),
        ({"Content-Length": "5"}, None),
        ({"Content-Length": str(1 << 63)}, 413),
        ({"Expect": "100-Continue"}, None),
        ({"Expect": "a miracle"}, 417),
    ],
)
def test_a_body_has_one_length(headers: dict[str, str], wanted: int | None) -> None:
    assert status(headers=headers, method="POST") == wanted


def test_http_1_0_knows_no_chunks() -> None:
    chunked = {"Transfer-Encoding": "chunked"}
    assert status(version=HttpVersion10, headers=chunked) == 400
    assert status(version=HttpVersion10) is None


@pytest.mark.parametrize("version", [HttpVersion(0, 9), HttpVersion(1, 2), HttpVersion(2, 0)])
def test_no_other_version_is_spoken(version: HttpVersion) -> None:
    assert status(version=version) == 505
