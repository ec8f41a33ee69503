"""What goes wrong with a replica, for how long, and with which status a client may be told.

A fault strikes each request with some probability while it lasts. `drop` closes the port itself.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fakes import after, broken_off, drip, gzipped, never, raw_bytes, reply, reset
from tests.soak.clock import HOUR_MS, MINUTE_MS, SECOND_MS, START_MS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.fakes import Behaviour

UNAVAILABLE = b'{"status":"error","errorType":"unavailable","error":"no store matched"}'
TIMEOUT = b'{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}'
HTML = b"<html><body><h1>Bad Gateway</h1></body></html>"
DROP = "drop"
MOST_FAULT_MS = 5 * MINUTE_MS
_SECOND_HALF = 2


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault. make: the behaviour, out of the right body. statuses: what may come of it.

    damages: a body that is passed on unread (no-store) may arrive damaged as it was sent.
    completes: the whole body comes, if a client waits for it.
    """

    name: str
    make: Callable[[bytes], Behaviour]
    statuses: frozenset[int]
    damages: bool = False
    completes: bool = False


def _kind(
    name: str,
    make: Callable[[bytes], Behaviour],
    *statuses: int,
    damages: bool = False,
    completes: bool = False,
) -> Kind:
    return Kind(name, make, frozenset(statuses), damages, completes)


def _half(body: bytes) -> bytes:
    return body[: len(body) // _SECOND_HALF]


def _short_length(body: bytes) -> Behaviour:
    """Content-Length is less than what comes; the rest is no HTTP."""
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body) - 9}\r\n\r\n"
    )
    return raw_bytes(head.encode() + body)


def _truncated_gzip(body: bytes) -> Behaviour:
    zipped = gzip.compress(body, 1)
    return reply(200, zipped[: len(zipped) * 2 // 3], headers={"Content-Encoding": "gzip"})


def _pieces(body: bytes, count: int) -> list[bytes]:
    size = len(body) // count + 1
    return [body[at : at + size] for at in range(0, len(body), size)]


KINDS = (
    _kind("reset", lambda _: reset, 502),
    _kind("hang", lambda _: never, 503),
    _kind("slow drip", lambda body: drip(_pieces(body, 6), 0.1), 503),
    _kind("drip", lambda body: drip(_pieces(body, 4), 0.008), 503, completes=True),
    _kind("late", lambda body: after(0.06, reply(200, body)), 503, completes=True),
    _kind("503", lambda _: reply(503, b"no healthy upstream", "text/plain"), 502),
    _kind("503 JSON", lambda _: reply(503, UNAVAILABLE), 503),
    _kind("timeout JSON", lambda _: reply(503, TIMEOUT), 503),
    _kind("504", lambda _: reply(504, b"upstream request timeout", "text/plain"), 502),
    _kind("422 JSON", lambda _: reply(422, UNAVAILABLE.replace(b"unavailable", b"execution")), 422),
    _kind("429 JSON", lambda _: reply(429, UNAVAILABLE), 429),
    _kind("half", lambda body: broken_off(_half(body), len(body)), 502, damages=True),
    _kind("half, closed", lambda body: reply(200, _half(body)), 502, damages=True),
    _kind("long length", lambda body: broken_off(body, len(body) + 9), 502, damages=True),
    _kind("short length", _short_length, 502, damages=True),
    _kind("garbage", lambda _: raw_bytes(b"\x16\x03\x01\x02\x00\x01\x00garbage\r\n\r\n"), 502),
    _kind("HTML 200", lambda _: reply(200, HTML, "text/html"), 502),
    _kind("HTML as JSON", lambda _: reply(200, HTML), 502),
    _kind("HTML 502", lambda _: reply(502, HTML, "text/html"), 502),
    _kind("empty 200", lambda _: reply(200, b""), 502),
    _kind("truncated gzip", _truncated_gzip, 502, damages=True),
    _kind("gzip unasked", gzipped, 502, completes=True),
    _kind(DROP, lambda _: reset, 502),
)
LOOK_KINDS = ("503", "hang", "HTML as JSON", "half, closed", "late", "reset")
"""Those that also strike `/api/v1/stores` by themselves."""
KIND_OF = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of trouble at one replica. only_looks: it strikes nothing but `/api/v1/stores`."""

    replica: int
    kind: Kind
    from_ms: int
    until_ms: int
    chance: float = 1.0
    only_looks: bool = False


def draw_faults(chance: random.Random, hours: int, replicas: int) -> tuple[Fault, ...]:
    """For each replica and its list of stores by themselves, and for two or all at once."""
    faults: list[Fault] = []
    end_ms = START_MS + hours * HOUR_MS
    for replica in range(replicas):
        for now_ms in _moments(chance, 11 * MINUTE_MS, end_ms):
            faults += _fault(chance, [replica], now_ms)
        for now_ms in _moments(chance, 40 * MINUTE_MS, end_ms):
            name = chance.choice(LOOK_KINDS)
            until_ms = now_ms + _length_ms(chance)
            faults.append(Fault(replica, KIND_OF[name], now_ms, until_ms, only_looks=True))
    for now_ms in _moments(chance, 50 * MINUTE_MS, end_ms):
        hit = chance.sample(range(replicas), chance.randint(min(2, replicas), replicas))
        faults += _fault(chance, hit, now_ms)
    return tuple(sorted(faults, key=lambda fault: fault.from_ms))


def _moments(chance: random.Random, mean_ms: int, end_ms: int) -> list[int]:
    now_ms = START_MS + MINUTE_MS
    moments = []
    while (now_ms := now_ms + int(chance.expovariate(1 / mean_ms))) < end_ms:
        moments.append(now_ms)
        now_ms += MOST_FAULT_MS
    return moments


def _length_ms(chance: random.Random) -> int:
    return chance.choice([2, 10, 30, 60, 120, 300]) * SECOND_MS


def _fault(chance: random.Random, replicas: list[int], now_ms: int) -> list[Fault]:
    kind, until_ms = chance.choice(KINDS), now_ms + _length_ms(chance)
    some = chance.choice([0.3, 1.0, 1.0])
    return [Fault(replica, kind, now_ms, until_ms, some) for replica in replicas]
