"""Several `thanos query` processes in front of the same store."""

from __future__ import annotations

import time
import urllib.parse
from typing import TYPE_CHECKING, Self

from scripts.real_servers import binary
from tests.thanos.cluster import REPLICA_LABEL
from tests.thanos.loopback import ADDRESS, ask, free_ports
from tests.thanos.processes import ServerError, ServerProcess

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

POLL_S = 0.1
VISIBLE_TIMEOUT_S = 30.0


class QueryFleet:
    """A context manager. `urls` and `servers` in the same order.

    The fleet is whole when all answer `proof`, a path with its query, by `body`.
    """

    def __init__(self, store_address: str, folder: Path, *, size: int, proof: str, body: bytes) -> None:
        self._proof = proof
        self._body = body
        ports = free_ports(2 * size)
        self.urls = [f"http://{ADDRESS}:{port}" for port in ports[:size]]
        self.servers = [
            ServerProcess(
                f"thanos query {number}",
                [
                    str(binary("thanos")),
                    "query",
                    f"--http-address={ADDRESS}:{http_port}",
                    f"--grpc-address={ADDRESS}:{grpc_port}",
                    f"--endpoint={store_address}",
                    f"--query.replica-label={REPLICA_LABEL}",
                    "--query.promql-engine=prometheus",
                    "--query.max-concurrent=64",
                ],
                log_path=folder / f"query-{number}.log",
                ready_url=f"http://{ADDRESS}:{http_port}/-/ready",
            )
            for number, (http_port, grpc_port) in enumerate(
                zip(ports[:size], ports[size:], strict=True)
            )
        ]

    def __enter__(self) -> Self:
        try:
            self.heal()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def heal(self) -> None:
        """Start what does not run, resume what is paused, and wait until all give the whole answer."""
        for server in self.servers:
            server.resume()
            if not server.is_running:
                server.start()
        for server, url in zip(self.servers, self.urls, strict=True):
            server.wait_until_ready()
            self.wait_until_whole(url)

    def wait_until_whole(self, url: str) -> None:
        """Until the Query at `url` answers as if it knew its store.

        Raises:
            ServerError: it does not in time.
        """
        deadline_s = time.monotonic() + VISIBLE_TIMEOUT_S
        while time.monotonic() < deadline_s:
            if self.is_whole(url):
                return
            time.sleep(POLL_S)
        raise ServerError(f"{url} does not show the store's samples")

    def is_whole(self, url: str) -> bool:
        try:
            return ask(url + self._proof, timeout_s=2.0).body == self._body
        except OSError:
            return False

    def stop(self) -> None:
        for server in self.servers:
            server.stop(grace_s=3.0)


def address_of(url: str) -> str:
    """`host:port` of a URL."""
    return urllib.parse.urlsplit(url).netloc
