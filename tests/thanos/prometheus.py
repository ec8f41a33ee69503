"""A real Prometheus with an empty TSDB, which reads all its samples through `remote_read`.

    with PrometheusServer("http://127.0.0.1:10912/api/v1/read") as prometheus:
        ask(f"{prometheus.url}/api/v1/query?query=up")

Prometheus takes what it reads from elsewhere as a bonus: when that fails, it answers 200 with what
it has, here nothing, and puts the error into `warnings`.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import orjson
import yaml

from scripts.real_servers import binary
from tests.thanos.loopback import ADDRESS, free_ports
from tests.thanos.processes import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

# That of Thanos Query, so that both end a series without a stale marker at the same time.
LOOKBACK_DELTA = "5m"


class PrometheusServer:
    """A running Prometheus; a context manager that stops it and removes its folder.

    Attributes:
        process: to stop, kill, pause, resume and start again.
        url: where it answers; without a slash at its end.
        write_url: takes remote write, as Thanos Receive does.
        read_url: serves remote read itself.
    """

    def __init__(
        self,
        remote_read_url: str = "",
        *,
        required_matchers: Mapping[str, str] | None = None,
        folder: Path | None = None,
        flags: Sequence[str] = (),
    ) -> None:
        """`remote_read_url`: where samples are read; without it, only from the TSDB."""
        self._folder_is_ours = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="thanoxy-prometheus-"))
        self._config = read_config(remote_read_url, required_matchers or {})
        (port,) = free_ports(1)
        self.url = f"http://{ADDRESS}:{port}"
        self.write_url = f"{self.url}/api/v1/write"
        self.read_url = f"{self.url}/api/v1/read"
        self.process = ServerProcess(
            "prometheus",
            [
                str(binary("prometheus")),
                f"--config.file={self.folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.folder / 'tsdb'}",
                f"--web.listen-address={ADDRESS}:{port}",
                f"--query.lookback-delta={LOOKBACK_DELTA}",
                "--query.max-concurrency=64",
                "--query.max-samples=200000000",
                "--web.enable-remote-write-receiver",
                "--log.level=warn",
                *flags,
            ],
            log_path=self.folder / "prometheus.log",
            ready_url=f"{self.url}/-/ready",
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
        """Start it, and return when it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(self._config), "utf-8")
        self.process.start()
        self.process.wait_until_ready()

    def stop(self) -> None:
        """Stop it, and remove the folder unless it was given; idempotent."""
        self.process.stop()
        if self._folder_is_ours:
            shutil.rmtree(self.folder, ignore_errors=True)


def read_config(remote_read_url: str, required_matchers: Mapping[str, str]) -> dict[str, Any]:
    """A `prometheus.yml` that scrapes nothing; without external labels, which would be matchers."""
    remote_read: dict[str, Any] = {
        "url": remote_read_url,
        "read_recent": True,
        "filter_external_labels": False,
        "remote_timeout": "1m",
    }
    if required_matchers:
        remote_read["required_matchers"] = dict(required_matchers)
    return {"remote_read": [remote_read] if remote_read_url else []}


def read_errors(body: bytes) -> list[str]:
    """The warnings of an answer that say that a remote read failed."""
    warnings: list[str] = orjson.loads(body).get("warnings", [])
    return [warning for warning in warnings if warning.startswith("remote_read")]
