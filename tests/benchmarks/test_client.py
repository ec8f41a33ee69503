"""A client that costs little still has to find the ends of answers."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from benchmarks.client import AnswerEnd, Client

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("answer", [LENGTH, CHUNKED, EMPTY])
def test_an_answer_ends_with_its_last_byte_however_it_is_cut(answer: bytes) -> None:
    for cut in range(1, len(answer)):
        reader = AnswerEnd()
        assert not reader.feed(answer[:cut])
        assert reader.feed(answer[cut:])
        assert reader.feed(answer), "the next answer is found too"


def test_other_statuses_are_errors() -> None:
    reader = AnswerEnd()
    reader.feed(EMPTY)
    assert not reader.is_ok
    reader.feed(LENGTH)
    assert reader.is_ok


@pytest.fixture
def server() -> Iterator[tuple[str, list[bytes]]]:
    """Answers each request with the next of the answers; closes when there is none left."""
    answers: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                while connection.recv(4096) and answers:
                    connection.sendall(answers.pop(0))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", answers
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_connection_is_kept_between_answers(server: tuple[str, list[bytes]]) -> None:
    url, answers = server
    answers += [LENGTH, CHUNKED, LENGTH]
    client = Client(url)
    assert [client.ask("/x", gzip=False) for _ in range(3)] == [5, 15, 5]
    client.close()


def test_an_error_ends_the_benchmark_with_what_was_said(server: tuple[str, list[bytes]]) -> None:
    url, answers = server
    answers.append(EMPTY)
    client = Client(url)
    with pytest.raises(SystemExit, match=r"/x did not answer 200: .*503 Service Unavailable"):
        client.ask("/x", gzip=True)
    client.close()


def test_an_answer_that_breaks_off_is_no_answer(server: tuple[str, list[bytes]]) -> None:
    url, _ = server
    with pytest.raises(ConnectionResetError):
        Client(url).ask("/x", gzip=True)
