"""One request and what came back."""

from __future__ import annotations

import gzip
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from proxy.load.client import Answer, Client, shown
from proxy.load.workload import Question, Window
from tests.load.servers import EMPTY, GOOD, answer, resetting, serving, speaking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOW = 1_700_000_000_000
QUESTION = Question('q "1"', 'sum(up{a="b c"})', Window(3_600_000, 15_000), panel_id="7")


@asynccontextmanager
async def client(url: str, method: str = "POST", uid: str = "") -> AsyncIterator[Client]:
    asking = Client(url, {"Accept-Encoding": "gzip"}, connections=4, method=method, uid=uid)
    try:
        yield asking
    finally:
        await asking.close()


async def ask(handler_answer: web.StreamResponse) -> Answer:
    async def handle(_request: web.Request) -> web.StreamResponse:
        return handler_answer

    async with serving(handle) as url, client(url) as asking:
        return await asking.ask(QUESTION, NOW)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_get_and_post_ask_the_same(method: str) -> None:
    seen: dict[str, str] = {}

    async def handle(request: web.Request) -> web.StreamResponse:
        form = request.query if method == "GET" else await request.post()
        seen.update({name: str(value) for name, value in form.items()})
        seen["path"], seen["method"] = request.path, request.method
        return answer()

    async with serving(handle) as url, client(url + "/prefix/", method) as asking:
        await asking.ask(QUESTION, NOW)
    assert seen == {
        "method": method,
        "path": "/prefix/api/v1/query_range",
        "query": 'sum(up{a="b c"})',
        "start": "1699996395",
        "end": "1699999995",
        "step": "15",
    }


async def test_an_answer_is_counted_in_bytes_on_the_wire() -> None:
    body = gzip.compress(GOOD * 50)
    found = await ask(answer(body, {"Content-Encoding": "gzip", "X-Thanoxy-Cache": "hit; steps=5"}))
    assert found == Answer("", "", len(body), "hit")


@pytest.mark.parametrize("is_gzip", [True, False])
async def test_an_answer_without_series_is_noticed(is_gzip: bool) -> None:
    headers = {"Content-Encoding": "gzip"} if is_gzip else {}
    assert (await ask(answer(gzip.compress(EMPTY) if is_gzip else EMPTY, headers))).is_empty
    assert not (await ask(answer(gzip.compress(GOOD) if is_gzip else GOOD, headers))).is_empty


async def test_a_status_that_is_no_success_is_a_failure_with_its_text() -> None:
    found = await ask(web.Response(status=500, text="boom"))
    assert (found.failure, found.detail, found.size_bytes) == ("status 500", "boom", 4)


async def test_a_redirect_is_a_failure_and_nobody_follows_it() -> None:
    found = await ask(web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}))
    assert found.failure == "status 302"


async def test_a_success_that_is_not_json_is_a_failure() -> None:
    found = await ask(web.Response(text="<html>login</html>", content_type="text/html"))
    assert (found.failure, found.detail) == ("not JSON", "<html>login</html>")


async def test_a_made_up_cache_result_is_not_believed() -> None:
    assert (await ask(answer(headers={"X-Thanoxy-Cache": "<b>hit</b>"}))).cache == ""


async def test_a_connection_that_is_reset_is_a_failure() -> None:
    async with resetting() as url, client(url) as asking:
        assert (await asking.ask(QUESTION, NOW)).failure == "connection broken"


async def test_nobody_there_is_a_failure() -> None:
    async with client("http://127.0.0.1:1") as asking:
        assert (await asking.ask(QUESTION, NOW)).failure == "cannot connect"


@pytest.mark.parametrize(
    ("sent", "failure"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "answer cut off"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "not HTTP"),
    ],
)
async def test_what_is_no_complete_http_is_a_failure(sent: bytes, failure: str) -> None:
    async with speaking(sent) as url, client(url) as asking:
        assert (await asking.ask(QUESTION, NOW)).failure == failure


@pytest.mark.parametrize(
    ("uid", "panel_id", "headers"),
    [
        ("abc-1", "7", {"X-Dashboard-Uid": "abc-1", "X-Panel-Id": "7"}),
        ("a\r\nX-Evil: 1", "7\n8", {}),
    ],
)
async def test_the_panel_is_named_as_grafana_does_unless_its_name_is_odd(
    uid: str, panel_id: str, headers: dict[str, str]
) -> None:
    seen: dict[str, str] = {}

    async def handle(request: web.Request) -> web.StreamResponse:
        names = ("X-Dashboard-Uid", "X-Panel-Id", "X-Evil")
        seen.update({name: request.headers[name] for name in names if name in request.headers})
        return answer()

    async with serving(handle) as url, client(url, uid=uid) as asking:
        await asking.ask(Question("q", "up", Window(0, 0), panel_id=panel_id), NOW)
    assert seen == headers


def test_a_login_in_an_address_is_not_shown() -> None:
    assert shown("http://me:secret@host:9090/x") == "http://…@host:9090/x"
    assert shown("http://host:9090") == "http://host:9090"
