"""`thanos receive` filled with samples, and `thanos query` in front of it, on loopback ports.

    with ThanosCluster(sample_series(end_ms), end_ms=end_ms) as thanos:
        ask(f"{thanos.query_url}/api/v1/query?query=up")

Receive is filled before Query starts: Query asks a store for its time range when it first sees
it, then every five seconds; until it knows the range its answers are empty, with status 200.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
import urllib.parse
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import orjson

from scripts.real_servers import binary
from tests.thanos import remote_write
from tests.thanos.loopback import ADDRESS, ask, free_ports
from tests.thanos.processes import ServerError, ServerProcess

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from tests.thanos.series import RawSeries

REPLICA_LABEL = "replica"
EXTERNAL_LABEL = "receive"

# Longer than any history here: all samples stay in one head block. Receive would otherwise cut
# the history into blocks of two hours a minute after it was loaded, in the middle of the tests.
# The head then also takes samples that are up to half of this older than its newest.
BLOCK_DURATION = "60d"

VISIBLE_POLL_S = 0.1


class ThanosCluster:
    """A running Thanos; a context manager that stops everything it started.

    Attributes:
        receive, query: the two processes, to stop, kill, pause, resume and start again.
        query_url: where Thanos Query answers; without a slash at its end.
        query_grpc_address: where Thanos Query serves the StoreAPI, host and port.
        receive_url: the remote write URL.
        start_ms, end_ms: the first and last timestamp of the samples it is filled with; without
            samples both are `end_ms`.
        folder: data and logs; removed by `stop` unless it was given.
    """

    def __init__(
        self,
        series: Sequence[RawSeries] = (),
        *,
        end_ms: int,
        folder: Path | None = None,
        receive_flags: Sequence[str] = (),
        query_flags: Sequence[str] = (),
    ) -> None:
        self._series = [one for one in series if one.sample_count]
        self.start_ms = min((one.first_ms for one in self._series), default=end_ms)
        self.end_ms = end_ms
        self._folder_is_ours = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="thanoxy-thanos-"))
        write, capnproto, receive_http, receive_grpc, query_http, query_grpc = (
            f"{ADDRESS}:{port}" for port in free_ports(6)
        )
        self.receive_url = f"http://{write}/api/v1/receive"
        self.query_url = f"http://{query_http}"
        self.query_grpc_address = query_grpc
        self.receive = self._server(
            "receive",
            receive_http,
            [
                f"--grpc-address={receive_grpc}",
                f"--remote-write.address={write}",
                f"--receive.capnproto-address={capnproto}",
                f"--tsdb.path={self.folder / 'receive'}",
                f"--tsdb.min-block-duration={BLOCK_DURATION}",
                f"--tsdb.max-block-duration={BLOCK_DURATION}",
                "--tsdb.retention=0d",
                f'--label={EXTERNAL_LABEL}="true"',
                *receive_flags,
            ],
        )
        self.query = self._server(
            "query",
            query_http,
            [
                f"--grpc-address={query_grpc}",
                f"--endpoint={receive_grpc}",
                f"--query.replica-label={REPLICA_LABEL}",
                "--query.promql-engine=prometheus",
                "--query.max-concurrent=64",
                *query_flags,
            ],
        )

    def __enter__(self) -> Self:
        try:
            self.start()
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

    def start(self) -> None:
        """Start both, fill Receive, and return when Query answers with the samples."""
        self.receive.start()
        self.receive.wait_until_ready()
        self.write(self._series)
        self.query.start()
        self.query.wait_until_ready()
        if self._series:
            self.wait_until_visible(self._series)

    def stop(self) -> None:
        """Stop both, and remove the folder unless it was given; idempotent."""
        self.query.stop()
        self.receive.stop()
        if self._folder_is_ours:
            shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, series: Sequence[RawSeries]) -> None:
        """Write samples, oldest first; they must be newer than what their series hold."""
        remote_write.write(self.receive_url, series)

    def wait_until_visible(self, series: Sequence[RawSeries], timeout_s: float = 30.0) -> None:
        """Wait until Query knows the store's range and finds the newest of these series.

        Raises:
            ServerError: it does not in time; with what `/api/v1/stores` says and Query's log.
        """
        first_ms = min(one.first_ms for one in series)
        newest = max(series, key=lambda one: one.last_ms)
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            if self._store_covers(first_ms) and self._finds(newest):
                return
            time.sleep(VISIBLE_POLL_S)
        raise ServerError(
            f"thanos query shows no samples after {timeout_s:g} s; stores: "
            f"{self.stores()}\n{self.query.log_tail()}"
        )

    def stores(self) -> list[dict[str, Any]]:
        """What Query knows of its stores (`/api/v1/stores`), of all kinds in one list."""
        by_component = self._get("/api/v1/stores", {})
        return [store for stores in by_component.values() for store in stores]

    def _server(self, command: str, http_address: str, flags: Sequence[str]) -> ServerProcess:
        return ServerProcess(
            f"thanos {command}",
            [str(binary("thanos")), command, f"--http-address={http_address}", *flags],
            log_path=self.folder / f"{command}.log",
            ready_url=f"http://{http_address}/-/ready",
        )

    def _store_covers(self, first_ms: int) -> bool:
        return any(
            store["lastError"] is None and store["minTime"] <= first_ms <= store["maxTime"]
            for store in self.stores()
        )

    def _finds(self, series: RawSeries) -> bool:
        expr = f"count_over_time({selector(series)}[1h])"
        at_s = str(series.last_ms / 1000)
        return bool(self._get("/api/v1/query", {"query": expr, "time": at_s})["result"])

    def _get(self, path: str, parameters: dict[str, str]) -> Any:
        answer = ask(f"{self.query_url}{path}?{urllib.parse.urlencode(parameters)}")
        if answer.status != HTTPStatus.OK:
            raise ServerError(f"{path} answered {answer.status}: {answer.body[:500]!r}")
        return orjson.loads(answer.body)["data"]


def selector(series: RawSeries) -> str:
    """A selector that finds the series: by all labels with plain names, less the replica.

    JSON's escapes are a part of PromQL's; but in a quoted label *name* PromQL undoes none.
    """
    matchers = [
        f"{name}={orjson.dumps(value).decode()}"
        for name, value in series.labels
        if name != REPLICA_LABEL and re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name)
    ]
    return "{" + ",".join(matchers) + "}"
