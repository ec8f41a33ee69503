from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import aiohttp
import pytest

from proxy.demo.app import start_demo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RANGE = "start=1763812800&end=1763872800&step=60"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Asks a demo upstream of its own."""
    demo = await start_demo()
    async with aiohttp.ClientSession(demo.url, auto_decompress=False) as session:
        yield session
    await demo.close()


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
async def test_it_is_ready_at_once(session: aiohttp.ClientSession, path: str) -> None:
    async with session.get(path) as response:
        assert (response.status, await response.text()) == (200, "OK")


async def test_get_post_and_both_ask_the_same(session: aiohttp.ClientSession) -> None:
    expr = "sum by (service) (up)"
    path = "/api/v1/query_range"
    bodies = set()
    for method, url, form in [
        ("GET", f"{path}?{RANGE}&query={expr}", None),
        ("POST", path, dict(field.split("=") for field in f"{RANGE}&query={expr}".split("&"))),
        ("POST", f"{path}?{RANGE}&query=ignored", {"query": expr}),
    ]:
        async with session.request(method, url, data=form) as response:
            assert (response.status, response.content_type) == (200, "application/json")
            bodies.add(await response.read())
    assert len(bodies) == 1


@pytest.mark.parametrize(
    ("query", "status", "body"),
    [
        ("up{", 400, b'{"status":"error","errorType":"bad_data","error":"parse error: '),
        ("up or up", 422, b'{"status":"error","errorType":"execution","error":"the demo upst'),
    ],
)
async def test_errors_are_json_that_may_not_be_kept(
    session: aiohttp.ClientSession, query: str, status: int, body: bytes
) -> None:
    async with session.get("/api/v1/query", params={"query": query}) as response:
        assert (response.status, response.content_type) == (status, "application/json")
        assert response.headers["Cache-Control"] == "no-store"
        assert (await response.read()).startswith(body)


async def test_a_form_that_is_not_utf8_is_bad_data(session: aiohttp.ClientSession) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with session.post("/api/v1/query", data=b"query=%ff", headers=headers) as response:
        assert response.status == 400


async def test_only_large_answers_to_who_accepts_it_are_compressed(
    session: aiohttp.ClientSession,
) -> None:
    async def encoding(query: str, accepted: str) -> str | None:
        url, headers = f"/api/v1/query?query={query}", {"Accept-Encoding": accepted}
        async with session.get(url, headers=headers) as response:
            await response.read()
            return response.headers.get("Content-Encoding")

    assert await encoding("up", "deflate, gzip") == "gzip"
    assert await encoding("up", "identity") is None
    assert await encoding("1", "gzip") is None


async def test_an_unknown_path_is_not_found(session: aiohttp.ClientSession) -> None:
    async with session.get("/api/v1/read") as response:
        assert response.status == 404


async def test_a_taken_port_is_an_error_and_a_closed_one_is_free_again() -> None:
    demo = await start_demo()
    port = int(demo.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        await start_demo(port=port)
    await demo.close()
    await (await start_demo(port=port)).close()


def is_listening(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def test_alone_it_serves_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "proxy.demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        assert is_listening(url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_alone_it_stops_when_its_parent_is_gone() -> None:
    parent = (
        "import subprocess, sys;"
        "demo = subprocess.Popen([sys.executable, '-m', 'proxy.demo'], stdout=subprocess.PIPE);"
        "print(demo.stdout.readline().decode().split()[-1])"
    )
    url = subprocess.check_output([sys.executable, "-c", parent], text=True).strip()
    deadline_s = time.monotonic() + 10
    while is_listening(url):
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
