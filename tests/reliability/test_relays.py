from __future__ import annotations

import http.client
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.reliability.relays import WELL, HttpRelay, Ill, LateRelay, Treatment, first_half
from tests.thanos.loopback import ADDRESS, ask

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY = b"0123456789" * 20


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent, or with BODY."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or BODY
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def target() -> Iterator[str]:
    server = ThreadingHTTPServer((ADDRESS, 0), Echo)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"{ADDRESS}:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def relay(target: str) -> Iterator[HttpRelay]:
    with HttpRelay(target) as opened:
        yield opened


def test_what_is_passed_on_comes_back_whole(relay: HttpRelay) -> None:
    sent = b"x" * 300_000
    assert ask(relay.url, method="POST", body=sent).body == sent


def test_one_connection_carries_many_requests_and_meets_what_begins_meanwhile(relay: HttpRelay) -> None:
    connection = http.client.HTTPConnection(relay.address, timeout=5)
    for treatment, status in ((WELL, 200), (Treatment(Ill.REFUSED), 503), (WELL, 200)):
        relay.treatment = treatment
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert (answer.status, len(answer.read()) > 10) == (status, True)
    connection.close()


def test_a_late_request_is_late_and_right(relay: HttpRelay) -> None:
    relay.treatment = Treatment(late_s=0.3)
    began_s = time.monotonic()
    assert ask(relay.url).body == BODY
    assert 0.3 <= time.monotonic() - began_s < 2


def test_every_second_request_is_reset(relay: HttpRelay) -> None:
    relay.treatment = Treatment(Ill.RESET, every=2)
    assert ask(relay.url).body == BODY
    with pytest.raises(ConnectionResetError):
        ask(relay.url)
    assert ask(relay.url).body == BODY


def test_an_answer_ends_half_way(relay: HttpRelay) -> None:
    relay.treatment = Treatment(Ill.CUT)
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(relay.url)
    assert caught.value.partial == BODY[: len(BODY) // 2]


def test_half_an_answer_has_its_whole_head() -> None:
    assert first_half(b"HTTP/1.1 200 OK\r\n\r\n1234") == b"HTTP/1.1 200 OK\r\n\r\n12"


@pytest.mark.parametrize("ill", [Ill.PAGE, Ill.GARBAGE, Ill.HALF])
def test_what_is_no_answer_looks_like_one_and_the_connection_goes_on(
    relay: HttpRelay, ill: Ill
) -> None:
    connection = http.client.HTTPConnection(relay.address, timeout=5)
    for treatment, is_right in ((Treatment(ill), False), (WELL, True)):
        relay.treatment = treatment
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert (answer.status, answer.read() == BODY) == (200, is_right)
    connection.close()


def test_silence_is_silence_until_the_client_has_had_enough(relay: HttpRelay) -> None:
    relay.treatment = Treatment(Ill.SILENT)
    with pytest.raises(TimeoutError):
        ask(relay.url, timeout_s=0.3)
    relay.treatment = WELL
    assert ask(relay.url).body == BODY


def test_in_front_of_nothing_connections_are_reset(target: str) -> None:
    with HttpRelay(f"{ADDRESS}:1") as relay, pytest.raises(ConnectionResetError):
        ask(relay.url)


def test_a_late_relay_keeps_what_it_delays_in_order(target: str) -> None:
    sent = bytes(range(256)) * 4_000
    with LateRelay(target, late_s=0.2) as relay:
        began_s = time.monotonic()
        assert ask(relay.url, method="POST", body=sent).body == sent
        assert 0.2 <= time.monotonic() - began_s < 2
