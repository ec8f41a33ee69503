"""A relay passes everything on and counts what is asked."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from benchmarks.client import Client
from benchmarks.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator

QUERY = "/api/v1/query_range?query=bench_value%7Bgroup%3D%22g00%22%7D&start=0&end=600&step=60"


class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 1000)

    def log_message(self, *arguments: object) -> None:
        """Nothing: tests are quiet."""


@pytest.fixture
def upstream() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_requests_bytes_and_samples_are_counted(upstream: str) -> None:
    with Relay(upstream) as relay:
        client = Client(relay.url)
        assert [client.ask(path, gzip=False) for path in (QUERY, QUERY, "/api/v1/stores")] == [1000] * 3
        asked = relay.asked
        client.close()
    assert asked.requests == 2
    assert asked.samples == 2 * 40 * 11
    assert 3000 < asked.received_bytes < 4000
