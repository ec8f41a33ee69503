"""500 clients at once, everything cached: the server has one processor, the load generator another.

Each peer is started anew on its processor. *Users* are 500 people with the same dashboard of ten
panels who refresh it every ten seconds, spread as they come: 500 requests a second that wait for
nobody. *Connections* are 500 that all ask for one small answer at the same moment, and again as soon
as they are answered: as much as the server gives.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.closed_loop import closed_loop
from benchmarks.cold import query_path
from benchmarks.machine import started_on, two_cores
from benchmarks.open_loop import Users, open_loop
from benchmarks.participants import CORTEX, QUERY_FRONTEND, THANOXY, WITHOUT_MEMO, makers
from benchmarks.results import Crowd
from benchmarks.workloads import DAY_MS, TINY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.servers import Server

CLIENTS = 500
USERS, CONNECTIONS = "users", "connections"
_CONFIRMED_S = 3.0
"""By then thanoxy has looked at the stores again, and what it keeps is no longer in doubt."""


def crowds(upstream: str, end_ms: int, *, is_quick: bool) -> Iterator[Crowd]:
    names = (THANOXY, WITHOUT_MEMO) if is_quick else (THANOXY, WITHOUT_MEMO, QUERY_FRONTEND, CORTEX)
    server_core, _ = two_cores()
    for name in names:
        with started_on(server_core), makers()[name](upstream) as server:
            yield of_users(name, server, end_ms, 5 if is_quick else 20)
            yield of_connections(name, server, end_ms, 2 if is_quick else 8)


def of_users(name: str, server: Server, end_ms: int, seconds: int) -> Crowd:
    """One user looks first: the dashboard is warm when the others come."""
    _, client_core = two_cores()
    end_s = end_ms // 1000 - DAY_MS // 1000
    open_loop(server.url, Users(1, "1s", 2, end_s), client_core)
    time.sleep(_CONFIRMED_S)
    found = open_loop(server.url, Users(CLIENTS, "10s", seconds, end_s), client_core)
    return Crowd(
        peer=name,
        how=USERS,
        clients=CLIENTS,
        seconds=seconds,
        requests=found.requests,
        errors=found.errors,
        answered_per_s=found.answered_per_s,
        median_ms=found.median_ms,
        p99_ms=found.p99_ms,
        most_ms=found.most_ms,
        busy=found.busy,
        late=found.late,
    )


def of_connections(name: str, server: Server, end_ms: int, seconds: int) -> Crowd:
    _, client_core = two_cores()
    path = query_path(TINY.expr, end_ms - 7 * DAY_MS, TINY.steps, TINY.step_s)
    closed_loop(server.url, path, 1, 0.2, client_core)
    found = closed_loop(server.url, path, CLIENTS, seconds, client_core)
    return Crowd(
        peer=name,
        how=CONNECTIONS,
        clients=CLIENTS,
        seconds=found.seconds,
        requests=found.requests,
        errors=found.errors,
        answered_per_s=found.requests / found.seconds,
        median_ms=found.median_ms,
        p99_ms=found.p99_ms,
        most_ms=found.most_ms,
        busy=found.busy,
    )
