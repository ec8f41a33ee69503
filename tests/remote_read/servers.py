"""thanoxy as a process of its own, and a relay that makes Prometheus ask for SAMPLES."""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

import orjson
import snappy

from proxy.codec._pb.remote_pb2 import ReadRequest
from tests.thanos.loopback import ADDRESS, ask, free_ports
from tests.thanos.processes import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from tests.thanos.cluster import ThanosCluster

READ_PATH = "/api/v1/read"
TIMEOUT_S = 60.0


def grpc_address(thanos: ThanosCluster) -> str:
    """Where Thanos Query serves the StoreAPI."""
    flags = orjson.loads(ask(f"{thanos.query_url}/api/v1/status/flags").body)["data"]
    address: str = flags["grpc-address"]
    return address


def source_flags(thanos: ThanosCluster, source: str) -> list[str]:
    """The flags by which thanoxy reads samples over `grpc` or over `http`."""
    return [f"--upstream.grpc-address={grpc_address(thanos)}"] if source == "grpc" else []


class ServedThanoxy:
    """A thanoxy of this checkout. `url` without a slash at its end; `read_url` for remote read."""

    def __init__(self, upstream_url: str, folder: Path, flags: Sequence[str] = ()) -> None:
        (port,) = free_ports(1)
        self.url = f"http://{ADDRESS}:{port}"
        self.read_url = f"{self.url}{READ_PATH}"
        self.process = ServerProcess(
            "thanoxy",
            [
                sys.executable,
                "-m",
                "proxy",
                "--workers=1",
                f"--http-address={ADDRESS}:{port}",
                f"--query-frontend.downstream-url={upstream_url}",
                "--log.level=warn",
                *flags,
            ],
            log_path=folder / f"thanoxy-{port}.log",
            ready_url=f"{self.url}/-/ready",
        )

    def __enter__(self) -> Self:
        try:
            self.process.start()
            self.process.wait_until_ready()
        except BaseException:
            self.process.stop()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.stop()


class SamplesOnlyRelay:
    """Passes remote reads on, and takes STREAMED_XOR_CHUNKS out of the types that are accepted.

    Prometheus's own client always offers both; through this it gets SAMPLES.
    """

    def __init__(self, read_url: str) -> None:
        class Relayed(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                relay(self, read_url)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer((ADDRESS, 0), Relayed)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.read_url = f"http://{ADDRESS}:{self._server.server_port}{READ_PATH}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def relay(handler: BaseHTTPRequestHandler, read_url: str) -> None:
    """One request and its answer."""
    body = handler.rfile.read(int(handler.headers["Content-Length"]))
    request = ReadRequest.FromString(snappy.decompress(body))
    del request.accepted_response_types[:]
    request.accepted_response_types.append(ReadRequest.SAMPLES)
    wanted = ("Content-Type", "Content-Encoding", "X-Prometheus-Remote-Read-Version")
    headers = {name: handler.headers[name] for name in wanted}
    changed = snappy.compress(request.SerializeToString())
    answer = ask(read_url, method="POST", body=changed, headers=headers, timeout_s=TIMEOUT_S)
    handler.send_response(answer.status)
    for name, value in answer.headers:
        if name.lower() in {"content-type", "content-encoding"}:
            handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(answer.body)))
    handler.end_headers()
    handler.wfile.write(answer.body)
