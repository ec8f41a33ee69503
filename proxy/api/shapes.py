"""Requests that are HTTP, and that two servers may read in two ways: refused before anybody does.

The parser takes care of what is no HTTP at all: two lengths, a length and chunks, folded lines, bare
line feeds. What is left is legal, or was once, and is used by nobody who means well.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import HttpVersion10, HttpVersion11

if TYPE_CHECKING:
    from aiohttp import web

_METHODS_WITHOUT_TARGET = frozenset(("CONNECT", "TRACE"))
"""They make a tunnel, or show a client the headers that were added on the way."""
_MOST_BODY_BYTES = 1 << 62
_SEPARATORS = re.compile(r"[/\\]")
_ESCAPED_PERCENT = re.compile(r"%(?:25)+(?=2[eEfF]|3[bB]|5[cC])")
_ESCAPED_SIGN = re.compile(r"%(2[eEfF]|3[bB]|5[cC])")


class Refusal(NamedTuple):
    """Why a request is not looked into, and the status that says so."""

    status: HTTPStatus
    text: str


def refusal(request: web.BaseRequest) -> Refusal | None:
    """None where a request means one thing only."""
    return _by_version(request) or _by_method(request) or _by_target(request.raw_path)


def _by_version(request: web.BaseRequest) -> Refusal | None:
    """HTTP/1.0 knows no chunks, and nobody any other version here."""
    if request.version == HttpVersion11:
        return _by_framing(request)
    if request.version != HttpVersion10:
        return Refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.1 and HTTP/1.0 are spoken")
    if "Transfer-Encoding" in request.headers:
        return Refusal(HTTPStatus.BAD_REQUEST, "a request of HTTP/1.0 has no Transfer-Encoding")
    return _by_framing(request)


def _by_framing(request: web.BaseRequest) -> Refusal | None:
    headers = request.headers
    if "Transfer-Encoding" in headers and headers["Transfer-Encoding"].lower() != "chunked":
        text = "the only Transfer-Encoding that is understood is chunked"
        return Refusal(HTTPStatus.NOT_IMPLEMENTED, text)
    if "Content-Length" in headers and int(headers["Content-Length"]) > _MOST_BODY_BYTES:
        return Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "no body is as long as its Content-Length says"
        )
    if "Expect" in headers and headers["Expect"].lower() != "100-continue":
        return Refusal(HTTPStatus.EXPECTATION_FAILED, "the only Expect that is met is 100-continue")
    return None


def _by_method(request: web.BaseRequest) -> Refusal | None:
    if request.method not in _METHODS_WITHOUT_TARGET:
        return None
    return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"{request.method} is not answered here")


def _by_target(target: str) -> Refusal | None:
    """A path that names the same thing to every server.

    `..` climbs out of the upstream's own path wherever it is taken away, be it written `%2e%2e`,
    between backslashes, or encoded twice; behind `#` no server reads on.
    """
    path = target.partition("?")[0]
    text = ""
    if not path.startswith("/") or path.startswith("//"):
        text = "the request's path must start with one slash"
    elif "#" in target:
        text = "the request's path holds a #: write it as %23"
    elif (".." in path or "%" in path) and _climbs(path):
        text = "the request's path must not hold .. between slashes"
    return Refusal(HTTPStatus.BAD_REQUEST, text) if text else None


def _climbs(path: str) -> bool:
    plain = _ESCAPED_SIGN.sub(_sign, _ESCAPED_PERCENT.sub("%", path))
    return any(part.partition(";")[0] == ".." for part in _SEPARATORS.split(plain))


def _sign(escaped: re.Match[str]) -> str:
    return chr(int(escaped[1], 16))
