"""Headers that every answer gets."""

from __future__ import annotations

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from proxy.api.extra_headers import _Request, request_factory


def test_without_headers_aiohttps_own_requests_serve() -> None:
    assert request_factory(()) is None


async def test_an_answer_gets_them_before_it_is_sent() -> None:
    make = request_factory((("X-Frame-Options", "deny"), ("Server", "mine")))
    assert make is not None
    mocked = make_mocked_request("GET", "/")
    request = make(
        mocked._message, mocked._payload, mocked.protocol, mocked._payload_writer, mocked.task
    )
    assert isinstance(request, _Request)
    response = web.Response(headers={"Server": "thanoxy"})
    await request._prepare_hook(response)
    assert response.headers["X-Frame-Options"] == "deny"
    assert response.headers.getall("Server") == ["mine"]
