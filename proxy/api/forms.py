"""A request's parameters, wherever they stand: URL, form body, or both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from aiohttp import web

from proxy.api.arriving import read_up_to
from proxy.api.client_limits import limits_of
from proxy.codec.params import parse_form
from proxy.errors import BadDataError

if TYPE_CHECKING:
    from proxy.model.query import Form

_FORM = "application/x-www-form-urlencoded"
_MOST_REMEMBERED_BYTES = 4096
_parsed_lately = lru_cache(512)(parse_form)
SENT_FORM = web.RequestKey("sent_form", bytes)
"""Where a request keeps the text of its form, for the slow-query log."""


@dataclass(frozen=True, slots=True)
class RequestForm:
    """`form` is None when Thanos must read the request itself.

    `body` holds what was read of the request's body.
    """

    form: Form | None
    body: bytes


class CacheControl(Enum):
    """What a request says of caching (RFC 9111, 5.2.1)."""

    ANY = "kept answers are welcome"
    REFRESH = "no-cache: ask again, and keep that"
    NO_STORE = "no-store: pass the request on"


def cache_control(request: web.BaseRequest) -> CacheControl:
    """The request's wish; `Pragma: no-cache` counts where there is no Cache-Control."""
    text = request.headers.get("Cache-Control")
    if text is None:
        text = request.headers.get("Pragma", "")
    directives = {part.strip().lower() for part in text.split(",")}
    if "no-store" in directives:
        return CacheControl.NO_STORE
    return CacheControl.REFRESH if "no-cache" in directives else CacheControl.ANY


async def read_form(request: web.BaseRequest, max_body_bytes: int) -> RequestForm:
    """Read a GET's or a form POST's parameters; larger bodies are left in the stream.

    Raises:
        BadDataError: there are too many, or the body is not what its headers say.
        SlowBodyError: the body does not arrive.
    """
    url_query = raw_query(request)
    max_parameters = limits_of(request).max_parameters
    if request.method != "POST" or not request.body_exists:
        _check_number(url_query.count("&"), max_parameters)
        return RequestForm(_parsed(url_query, b""), b"")
    if request.content_type != _FORM or request.headers.get("Content-Encoding"):
        return RequestForm(None, b"")
    body = await read_up_to(request, max_body_bytes)
    if len(body) > max_body_bytes:
        return RequestForm(None, body)
    _check_number(url_query.count("&") + body.count(b"&"), max_parameters)
    request[SENT_FORM] = body
    return RequestForm(_parsed(url_query, body), body)


def _parsed(url_query: str, body: bytes) -> Form | None:
    """What many ask in the same words within a short time is parsed once."""
    is_short = len(url_query) + len(body) <= _MOST_REMEMBERED_BYTES
    return _parsed_lately(url_query, body) if is_short else parse_form(url_query, body)


def raw_path(request: web.BaseRequest) -> str:
    """What stands before the first `?`, not decoded."""
    return request.raw_path.partition("?")[0]


def raw_query(request: web.BaseRequest) -> str:
    """The text behind the first `?`, not decoded."""
    return request.raw_path.partition("?")[2]


def _check_number(parameters: int, most: int) -> None:
    if parameters > most:
        raise BadDataError(
            f"the request has more than {most} parameters (--http.max-parameters): send fewer"
        )
