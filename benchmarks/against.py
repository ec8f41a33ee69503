"""What a tiny hit costs in this tree and in another one, in turns, in the server's own processor time.

    python -m benchmarks.against OTHER_CHECKOUT [ROUNDS]

Processor time hardly depends on what else the machine does; the turns even out what is left of that.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.client import AnswerEnd

_REQUESTS = 2_000
_TICKS = 1e6
_QUERY = "sum+by+(service)+(rate(demo_http_requests_total[5m]))"


class Server:
    """A proxy with the embedded upstream, started from a checkout."""

    def __init__(self, checkout: str, arguments: list[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "proxy", "--demo", "--http-address=127.0.0.1:0", *arguments],
            cwd=checkout,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        text = ""
        while not (found := re.search(r"answers at http://127\.0\.0\.1:(\d+)", text)):
            text += self.process.stdout.readline()
        self.socket = socket.create_connection(("127.0.0.1", int(found[1])))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = int(time.time()) // 300 * 300 - 3600
        self.request = (
            f"GET /api/v1/query_range?query={_QUERY}&start={end - 3600}&end={end}&step=60 HTTP/1.1\r\n"
            "Host: x\r\nAccept-Encoding: gzip\r\n\r\n"
        ).encode()

    def ask(self, times: int) -> None:
        """One after the other."""
        answer = AnswerEnd()
        for _ in range(times):
            self.socket.sendall(self.request)
            while not answer.feed(self.socket.recv(1 << 16)):
                pass
            assert answer.is_ok

    def busy_s(self) -> float:
        """Processor time so far, to the nanosecond, of the main thread."""
        text = Path(f"/proc/{self.process.pid}/schedstat").read_text("ascii")
        return int(text.split()[0]) / 1e9

    def close(self) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait()


def main() -> None:
    """Prints microseconds a request of both, and their ratio."""
    other, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 15
    servers = {"here": Server(".", []), "there": Server(other, [])}
    costs: dict[str, list[float]] = {name: [] for name in servers}
    for server in servers.values():
        server.ask(3_000)
    for number in range(rounds):
        for name in sorted(servers, reverse=number % 2 == 0):
            before_s = servers[name].busy_s()
            servers[name].ask(_REQUESTS)
            costs[name].append((servers[name].busy_s() - before_s) / _REQUESTS * _TICKS)
    for name, server in servers.items():
        server.close()
        print(f"{name:6} {median(costs[name]):7.2f} us a request (least {min(costs[name]):.2f})")
    ratios = [here / there for here, there in zip(costs["here"], costs["there"], strict=True)]
    print(f"here / there: {median(ratios):.3f} (least and most {min(ratios):.3f}, {max(ratios):.3f})")


if __name__ == "__main__":
    main()
