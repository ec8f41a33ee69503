"""Which paths are the page's, and which are still Thanos's."""

from __future__ import annotations

import aiohttp
import pytest

from tests.status.serving import status_server


@pytest.mark.parametrize(
    "path",
    [
        "graph",
        "stores",
        "status",
        "status/",
        "static/js/main.js",
        "alerts",
        "index.html",
        "status/x.js",
    ],
)
async def test_thanos_s_own_pages_are_passed_on(path: str) -> None:
    async with (
        status_server() as server,
        aiohttp.ClientSession() as session,
        session.get(server.url + path) as answer,
    ):
        assert await answer.text() == "Thanos"
        assert server.passed_on == [f"/{path}"]


@pytest.mark.parametrize("path", ["", "status.json", "status/style.css", "status/page.js"])
async def test_the_page_s_own_paths_answer_head_too(path: str) -> None:
    async with (
        status_server() as server,
        aiohttp.ClientSession() as session,
        session.head(server.url + path) as answer,
    ):
        assert answer.status == 200
        assert await answer.read() == b""
        assert not server.passed_on


async def test_other_methods_are_thanos_s_to_refuse() -> None:
    async with (
        status_server() as server,
        aiohttp.ClientSession() as session,
        session.post(server.url) as answer,
    ):
        assert answer.status == 404
        assert server.passed_on == ["/"]
