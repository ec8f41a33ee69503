"""Clients that want more than an answer: another host, another path, another tenant, all the room."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

from proxy.telemetry.book import requests_in_flight
from tests.clients import FORM, Proxy, range_path, raw_exchange, running
from tests.fakes import always, never, raw_bytes, reply

if TYPE_CHECKING:
    from tests.fakes import FakeUpstream

ENDPOINTS = ["/x", "/api/v1/labels", range_path()]


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("name", ["THANOS-TENANT", "Authorization", "Cookie", "X-Scope-OrgID"])
async def test_nobody_has_the_header_that_says_who_asks_taken_off_on_the_way(
    proxy: Proxy, upstream: FakeUpstream, path: str, name: str
) -> None:
    headers = [("Connection", f"close, {name}"), (name, "a")]
    status, error_type, text = (await proxy.ask("GET", path, headers=headers)).error
    assert (status, error_type) == (400, "bad_data")
    assert name in text
    assert upstream.asked == []


@pytest.mark.parametrize("path", ENDPOINTS[:2])
async def test_a_number_of_thousands_of_digits_takes_no_answer_away(
    proxy: Proxy, upstream: FakeUpstream, path: str
) -> None:
    assert (await proxy.ask("GET", f"{path}?step={'9' * 5_000}s")).status == 200
    assert len(upstream.asked) == 1


HOSTS = {
    "Host": "hidden:80",
    "X-Forwarded-Host": "hidden",
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Proto": "https",
    "Forwarded": "host=hidden",
    "X-Original-URL": "http://hidden/x",
    "X-Rewrite-URL": "/hidden",
    "X-HTTP-Method-Override": "DELETE",
    "Referer": "http://hidden/",
    "Origin": "http://hidden",
}


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("name", HOSTS)
async def test_no_header_chooses_the_host_the_path_or_the_method(
    proxy: Proxy, upstream: FakeUpstream, path: str, name: str
) -> None:
    assert (await proxy.ask("GET", path, headers={name: HOSTS[name]})).status == 200
    for asked in upstream.asked:
        assert asked.header("Host") == [upstream.url.removeprefix("http://")]
        assert asked.path == path.partition("?")[0]
        assert asked.method in {"GET", "POST"}


async def test_parameters_that_look_like_addresses_are_parameters(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    for path in (
        "/x?url=http://hidden/",
        "/@hidden:80/x",
        "/x@hidden",
        "/:80@hidden/",
        "/http://hidden/",
    ):
        assert (await proxy.get(path)).status == 200
    assert len(upstream.asked) == 5
    assert upstream.asked[0].raw_path == "/x?url=http://hidden/"


CLIMBING = [
    "/..", "/../x", "/x/../../y", "/%2e%2e/x", "/x/..%2f..%2fy", "/x/..%5c..%5cy", "/x\\..\\..\\y",
    "/x/%252e%252e/y", "/x/..;/y", "/api/v1/label/../values", "/api/v1/label/..%2f..%2fx/values",
    "/api/v1/query_range/../../../x", "/x/%2e./y", "/x#/../y",
]  # fmt: skip


@pytest.mark.parametrize("target", CLIMBING)
async def test_no_path_climbs_out_of_the_upstreams_own(upstream: FakeUpstream, target: str) -> None:
    async with running(f"{upstream.url}/tenants/a") as proxy:
        sent = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        received = await raw_exchange(proxy.app.url, sent.encode())
        assert received.startswith(b"HTTP/1.1 400 ")
        assert b'"errorType":"bad_data"' in received
        assert upstream.asked == []
        assert (await proxy.get("/x/..y/z...")).status == 200
    assert [asked.raw_path for asked in upstream.asked] == ["/tenants/a/x/..y/z..."]


INJECTED = "%0d%0aX-Injected:%201%0d%0a%0d%0a%22%3b"


@pytest.mark.parametrize(
    "target",
    [
        f"/api/v1/query_range?query=a{INJECTED}&start=0&end=9&step=1",
        f"/api/v1/query_range?query={INJECTED}&start={INJECTED}&end=9&step=1",
        f"/api/v1/query_range?query=a[&start=0&end=9&step=1&{INJECTED}={INJECTED}",
        f"/api/v1/query?query={INJECTED}&time=1",
        f"/api/v1/labels?match[]={INJECTED}",
        f"/x{INJECTED}?{INJECTED}",
        f"/api/v1/label/{INJECTED}/values",
    ],
)
async def test_no_parameter_becomes_a_header(proxy: Proxy, upstream: FakeUpstream, target: str) -> None:
    upstream.script = always(reply(200, b'{"status":"success","data":[]}'))
    answer = await proxy.get(target)
    assert "X-Injected" not in answer.headers
    assert "\n" not in "".join(answer.headers.values())
    for asked in upstream.asked:
        assert asked.header("X-Injected") == []


async def test_hundreds_of_half_requests_leave_the_others_their_answers(upstream: FakeUpstream) -> None:
    begun = (b"", b"G", b"GET /x HTTP/1.1\r\nHost:", b"POST /x HTTP/1.1\r\nHost: x\r\nA: b\r\n")
    async with running(upstream.url, header_timeout_ms=1_500) as proxy:
        address = URL(proxy.app.url)
        streams = [await asyncio.open_connection(address.host, address.port) for _ in range(400)]
        for number, (_, writer) in enumerate(streams):
            writer.write(begun[number % len(begun)])
        tasks = len(asyncio.all_tasks())
        async with asyncio.timeout(1):
            assert (await proxy.range()).status == 200
        async with asyncio.timeout(10):
            answers = await asyncio.gather(*(reader.read() for reader, _ in streams))
        await asyncio.sleep(0.05)
        assert len(asyncio.all_tasks()) <= tasks - 390, "one for each connection, and it is gone"
        for number, answer in enumerate(answers):
            assert answer == b"" if number % len(begun) == 0 else answer.startswith(b"HTTP/1.1 408 ")
        for _, writer in streams:
            writer.close()


async def test_a_second_request_may_not_take_longer_than_the_first(upstream: FakeUpstream) -> None:
    async with running(upstream.url, header_timeout_ms=200) as proxy:
        address = URL(proxy.app.url)
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"healthy.\n")
        await asyncio.sleep(0.5)  # idle is no fault
        reading = asyncio.create_task(reader.read())
        for byte in b"GET /x HTTP/1.1\r\nHost: x\r\n":
            writer.write(bytes((byte,)))
            await asyncio.wait({reading}, timeout=0.05)
            if reading.done():
                break
        assert (await reading).startswith(b"HTTP/1.1 408 ")
        writer.close()


@pytest.mark.parametrize("path", ["/x", "/api/v1/labels", "/api/v1/query_range"])
async def test_a_body_that_drips_is_a_408_and_nobodys_fault_but_its_senders(
    upstream: FakeUpstream, path: str
) -> None:
    async with running(upstream.url, body_timeout_ms=150) as proxy:
        address = URL(proxy.app.url)
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n"
        for _ in range(8):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(f"{head}Content-Type: {FORM['Content-Type']}\r\n\r\na=b".encode())
            async with asyncio.timeout(3):
                received = await reader.readuntil(b"}")
            assert received.startswith(b"HTTP/1.1 408 ")
            assert b'"errorType":"timeout"' in received
            assert b"--http.body-timeout" in received
            writer.close()
        await upstream.until(lambda: not upstream.running)
        (candidate,) = proxy.app.engine.client.pool.candidates
        assert candidate.breaker.state.name == "CLOSED"


async def test_a_short_timeout_of_a_client_is_not_the_upstreams_fault(upstream: FakeUpstream) -> None:
    upstream.script = always(never)
    async with running(upstream.url) as proxy:
        async with asyncio.TaskGroup() as group:
            asking = [
                group.create_task(proxy.range({"timeout": "5ms", "query": f"a{number}"}))
                for number in range(20)
            ]
        assert [asked.result().status for asked in asking] == [503] * 20
        (candidate,) = proxy.app.engine.client.pool.candidates
        assert candidate.breaker.state.name == "CLOSED"


def sockets() -> int:
    with contextlib.suppress(OSError):
        links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        return sum(link.startswith("socket:") for link in links)
    return sockets()


@pytest.mark.parametrize("path", ["/x", "/api/v1/labels", "/api/v1/query"])
async def test_who_asks_and_asks_and_never_reads_is_cut_off(upstream: FakeUpstream, path: str) -> None:
    """Answers that fit into one write, until nothing more fits into the buffers below."""
    body = b'{"status":"success","data":["' + b"x" * 200_000 + b'"]}'
    upstream.script = always(reply(200, body))
    async with running(upstream.url, max_stall_ms=300) as proxy:
        before = sockets()
        clients = [await silent(proxy) for _ in range(8)]
        request = f"GET {path}?query=a HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        for client in clients:
            with contextlib.suppress(BlockingIOError):
                client.send(request * 200)
        await upstream.until(lambda: requests_in_flight() > 0)
        await upstream.until(lambda: requests_in_flight() == 0 and not upstream.running)
        await upstream.until(
            lambda: sockets() <= before + len(clients) + upstream.open_connections() * 2
        )
        assert (await proxy.get("/-/healthy")).status == 200
        for client in clients:
            with pytest.raises(ConnectionResetError):
                received(client)
            client.close()


def received(client: socket.socket) -> int:
    """How much had come before the connection ended.

    Raises:
        ConnectionResetError: it was broken.
    """
    return sum(len(piece) for piece in iter(lambda: client.recv(1 << 20), b""))


async def silent(proxy: Proxy) -> socket.socket:
    """A client's connection with little room."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
    client.setblocking(False)
    address: Any = (URL(proxy.app.url).host, URL(proxy.app.url).port)
    await asyncio.get_running_loop().sock_connect(client, address)
    return client


@pytest.mark.parametrize(
    ("method", "headers"),
    [("POST", {"Expect": "a miracle"}), ("GET", {"Expect": "100-continue, a miracle"})],
)
async def test_what_cannot_be_expected_is_refused(
    proxy: Proxy, upstream: FakeUpstream, method: str, headers: dict[str, str]
) -> None:
    assert (await proxy.ask(method, "/x", headers=headers)).error[0] == 417
    assert upstream.asked == []


async def test_half_an_answer_is_never_a_whole_one_for_http_1_0(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    upstream.script = always(raw_bytes(head + b'9\r\n{"status"\r\n'))
    with pytest.raises(ConnectionResetError):
        await raw_exchange(proxy.app.url, b"GET /x HTTP/1.0\r\n\r\n")
    whole = range_path({"end": "600", "limit": "9"})  # judged before anything of it is sent
    answer = await raw_exchange(proxy.app.url, f"GET {whole} HTTP/1.0\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.0 502 ")


async def test_a_client_of_http_1_0_is_not_told_to_go_on(proxy: Proxy) -> None:
    sent = b"POST /x HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"
    assert (await raw_exchange(proxy.app.url, sent)).startswith(b"HTTP/1.0 200 OK\r\n")
