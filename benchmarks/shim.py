"""A remote-read server for Thanos that decodes all chunks and encodes all samples: `shim.go`."""

from __future__ import annotations

import subprocess
from typing import Self

from benchmarks.servers import Server, wait_until_ready
from scripts.real_servers import binary
from tests.thanos.loopback import ADDRESS, free_ports


class Shim(Server):
    """Reads from the Store API at `grpc_address`; `read_url` is for a Prometheus."""

    def __init__(self, grpc_address: str) -> None:
        (port,) = free_ports(1)
        self.url = f"http://{ADDRESS}:{port}"
        self.read_url = f"{self.url}/api/v1/read"
        self._arguments = [
            str(binary("shim")),
            f"-listen={ADDRESS}:{port}",
            f"-store={grpc_address}",
        ]

    def __enter__(self) -> Self:
        self.start(self._arguments, stderr=subprocess.DEVNULL)
        wait_until_ready(self, "/-/ready")
        return self
