"""What a tiny hit costs in this tree and in another one, in turns, in the server's own processor time.

    python -m benchmarks.against OTHER_CHECKOUT [PAIRS]

Processor time hardly depends on what else the machine does; the turns even out what is left. Two
processes of the same code differ by some percent, for as long as they live: so each pair is new.
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

_REQUESTS = 1_000
_ROUNDS = 6
_PAIRS_ARGUMENT = 2
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


def compare(checkouts: dict[str, str], rounds: int) -> dict[str, list[float]]:
    """Microseconds a request, by round, of a new process of each."""
    servers = {name: Server(checkout, []) for name, checkout in checkouts.items()}
    costs: dict[str, list[float]] = {name: [] for name in servers}
    for server in servers.values():
        server.ask(_REQUESTS)
    for number in range(rounds):
        for name in sorted(servers, reverse=number % 2 == 0):
            before_s = servers[name].busy_s()
            servers[name].ask(_REQUESTS)
            costs[name].append((servers[name].busy_s() - before_s) / _REQUESTS * _TICKS)
    for server in servers.values():
        server.close()
    return costs


def main() -> None:
    """Prints microseconds a request of both, and their ratio."""
    checkouts = {"here": ".", "there": sys.argv[1]}
    pairs = int(sys.argv[2]) if len(sys.argv) > _PAIRS_ARGUMENT else 8
    found = [compare(checkouts, _ROUNDS) for _ in range(pairs)]
    for name in checkouts:
        costs = [median(one[name]) for one in found]
        print(f"{name:6} {median(costs):7.2f} us a request (least {min(costs):.2f})")
    ratios = [median(one["here"]) / median(one["there"]) for one in found]
    print(
        f"here / there: {median(ratios):.3f} (of {pairs} pairs: {min(ratios):.3f} to {max(ratios):.3f})"
    )


if __name__ == "__main__":
    main()
