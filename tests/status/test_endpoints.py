"""The page over HTTP: what it is guarded by, and who may press its button."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import aiohttp
import orjson
import pytest

from tests.status.days import FINDINGS, RUNNING
from tests.status.serving import StatusServer, status_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CANCEL = "api/v1/admin/thanoxy/cancel"


@pytest.fixture
async def server() -> AsyncIterator[StatusServer]:
    async with status_server() as started:
        yield started


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def press(
    session: aiohttp.ClientSession, server: StatusServer, key: str = RUNNING.id, **headers: str
) -> tuple[int, str]:
    """Status and body, or where it leads."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    form = {"id": key} if key else {}
    async with session.post(
        server.url + CANCEL, data=form, headers=named, allow_redirects=False
    ) as answer:
        return answer.status, answer.headers.get("Location") or await answer.text()


async def test_the_page_is_guarded(session: aiohttp.ClientSession, server: StatusServer) -> None:
    async with session.get(server.url) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert FINDINGS[0].text in await answer.text()
        policy = answer.headers["Content-Security-Policy"].split("; ")
        assert policy[0] == "default-src 'none'"
        assert {"script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} <= set(policy)
        assert not any("unsafe" in rule for rule in policy)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in answer.headers, "other sites cannot read it"


async def test_the_same_comes_as_json(session: aiohttp.ClientSession, server: StatusServer) -> None:
    async with session.get(f"{server.url}status.json") as answer:
        told = orjson.loads(await answer.read())
        assert answer.content_type == "application/json"
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert told["findings"][0]["fault"] == "upstream_dead"
    assert told["running"][0]["splits"][3]["state"] == "scanning"


async def test_a_form_on_the_page_leads_back_to_it(
    session: aiohttp.ClientSession, server: StatusServer
) -> None:
    told = await press(session, server, Accept="text/html,*/*", Sec_Fetch_Site="same-origin")
    assert told == (303, "../../../../#queries")
    assert server.cancelled == [RUNNING.id]


async def test_a_program_gets_json(session: aiohttp.ClientSession, server: StatusServer) -> None:
    status, body = await press(session, server)
    assert (status, orjson.loads(body)) == (200, {"status": "success", "data": {"cancelled": True}})
    status, body = await press(session, server, "gone")
    assert (status, orjson.loads(body)["data"]) == (200, {"cancelled": False})


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://[broken"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "SELF"},
    ],
)
async def test_the_page_of_another_site_cannot_press_it(
    session: aiohttp.ClientSession, server: StatusServer, headers: dict[str, str]
) -> None:
    sent = {
        name: server.url.rstrip("/") if value == "SELF" else value for name, value in headers.items()
    }
    status, body = await press(session, server, **sent)
    assert status == 403
    assert "another site" in orjson.loads(body)["error"]
    assert not server.cancelled


async def test_its_own_page_can_also_where_a_browser_tells_only_the_origin(
    session: aiohttp.ClientSession, server: StatusServer
) -> None:
    assert (await press(session, server, Origin=server.url.rstrip("/")))[0] == 200


async def test_without_an_id_it_says_what_is_missing(
    session: aiohttp.ClientSession, server: StatusServer
) -> None:
    status, body = await press(session, server, "")
    assert status == 400
    assert "id=" in orjson.loads(body)["error"]


async def test_it_is_off_unless_enabled(session: aiohttp.ClientSession) -> None:
    async with status_server(is_admin=False) as server:
        status, body = await press(session, server)
        assert status == 503
        assert "--web.enable-admin-api" in orjson.loads(body)["error"]
        assert not server.cancelled
        async with session.get(server.url) as answer:
            assert CANCEL not in await answer.text()


async def test_each_look_is_a_new_one(session: aiohttp.ClientSession, server: StatusServer) -> None:
    server.snapshot = dataclasses.replace(server.snapshot, findings=())
    async with session.get(server.url) as answer:
        assert "All well" in await answer.text()
