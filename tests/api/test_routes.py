"""The router: who answers what, and what becomes of everything that goes wrong below it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from proxy.api.respond import ResponsePolicy
from proxy.api.routes import LABEL_VALUES_ROUTE, Router, route
from proxy.api.server import JsonServer
from proxy.errors import BadDataError, LimitError, QueryError, UpstreamAnswerError
from proxy.telemetry.book import requests_in_flight
from proxy.telemetry.registry import REGISTRY
from tests.clients import raw_exchange
from tests.fakes import ERROR_JSON

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

POLICY = ResponsePolicy(gzip=True, cors=True)


class Failing:
    """An endpoint that raises what it is told to, before or after it has begun to answer."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.said = b""
        self.is_asked = asyncio.Event()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.is_asked.set()
        if self.said:
            response = web.StreamResponse()
            response.content_length = 1000
            await response.prepare(request)
            await response.write(self.said)
        if self.error:
            raise self.error
        await asyncio.Event().wait()
        raise AssertionError("nobody ends this")


async def named(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text=f"{request.method} own")


async def fallback(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text=f"{request.method} passed on")


@pytest.fixture
def failing() -> Failing:
    return Failing()


@asynccontextmanager
async def listening(failing: Failing, slower_than_s: float) -> AsyncIterator[str]:
    routes = {
        "/own": route("own", "GET POST", named),
        "/fail": route("fail", "GET", failing),
        LABEL_VALUES_ROUTE: route("values", "GET", named),
    }
    router = Router(routes, route("passthrough", "", fallback), POLICY, slower_than_s)
    runner = web.ServerRunner(JsonServer(router, handler_cancellation=True, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def url(failing: Failing) -> AsyncIterator[str]:
    async with listening(failing, slower_than_s=0) as where:
        yield where


async def ask(url: str, method: str = "GET") -> tuple[int, dict[str, Any] | str]:
    async with aiohttp.ClientSession() as session, session.request(method, url) as response:
        if response.content_type == "application/json":
            return response.status, await response.json()
        return response.status, await response.text()


def counted(handler: str, code: int) -> float:
    labels = {"handler": handler, "code": str(code)}
    return REGISTRY.get_sample_value("thanoxy_http_requests_total", labels) or 0


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/own", "GET own"),
        ("POST", "/own?a=1", "POST own"),
        ("PUT", "/own", "PUT passed on"),
        ("GET", "/own/", "GET passed on"),
        ("GET", "/other", "GET passed on"),
        ("GET", "/api/v1/label/job/values", "GET own"),
        ("GET", "/api/v1/label/a%2Fb/values?x", "GET own"),
        ("POST", "/api/v1/label/job/values", "POST passed on"),
        ("GET", "/api/v1/label/a/b/values", "GET passed on"),
        ("GET", "/api/v1/label//values", "GET passed on"),
    ],
)
async def test_a_route_answers_its_own_path_and_methods_and_all_else_is_passed_on(
    url: str, method: str, path: str, answer: str
) -> None:
    assert await ask(url + path, method) == (200, answer)


async def test_a_path_that_is_written_otherwise_is_passed_on(url: str) -> None:
    for path in (b"/%6fwn", b"/./own", b"/own;x"):
        received = await raw_exchange(
            url, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        assert received.endswith(b"GET passed on")


@pytest.mark.parametrize(
    ("error", "status", "error_type", "text"),
    [
        (BadDataError("no"), 400, "bad_data", "no"),
        (LimitError("much"), 422, "execution", "much"),
        (QueryError("odd"), 500, "internal", "odd"),
        (UpstreamAnswerError(418, (("Content-Type", "application/json"),), ERROR_JSON), 418,
         "execution", "expanding series: <a & b>"),
    ],
)  # fmt: skip
async def test_an_error_becomes_json_with_its_own_status(
    url: str, failing: Failing, error: Exception, status: int, error_type: str, text: str
) -> None:
    failing.error = error
    answer = {"status": "error", "errorType": error_type, "error": text}
    before = counted("fail", status)
    assert await ask(f"{url}/fail") == (status, answer)
    assert counted("fail", status) == before + 1


async def test_what_nobody_foresaw_is_json_for_the_client_and_a_trace_for_the_log(
    url: str, failing: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    failing.error = RuntimeError("secret detail")
    status, answer = await ask(f"{url}/fail")
    assert status == 500
    assert answer == {
        "status": "error",
        "errorType": "internal",
        "error": "internal error; see thanoxy's log",
    }
    assert "secret detail" in caplog.text


@pytest.mark.parametrize("kind", [LimitError, RuntimeError])
async def test_an_error_in_the_middle_of_an_answer_breaks_the_connection(
    url: str, failing: Failing, kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    failing.said, failing.error = b'{"status":"succ', kind("too late")
    received = await raw_exchange(url, b"GET /fail HTTP/1.1\r\nHost: x\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert received.endswith(b'{"status":"succ')
    assert caplog.records


async def test_a_client_that_left_is_counted_as_such_and_is_no_error(
    url: str, failing: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted("fail", 499)
    asking = asyncio.create_task(ask(f"{url}/fail"))
    await failing.is_asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with asyncio.timeout(5):
        while counted("fail", 499) == before:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert requests_in_flight() == 0
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(("slower_than_s", "lines"), [(0, 0), (60, 0), (-1, 1), (1e-9, 1)])
async def test_slow_queries_are_logged_none_or_all_if_so_wanted(
    failing: Failing, caplog: pytest.LogCaptureFixture, slower_than_s: float, lines: int
) -> None:
    async with listening(failing, slower_than_s) as url:
        with caplog.at_level(logging.INFO, "thanoxy"):
            await ask(f"{url}/own")
    assert caplog.messages.count("slow query") == lines
