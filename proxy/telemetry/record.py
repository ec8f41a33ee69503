"""What one request does and how long that takes: written down once, told in many ways.

`Server-Timing`, the metrics of stages, the log of slow queries, traces and the status page all read
the same record. Marks divide a request's own time into stages, one after the other; what it asks of
the upstream is written down question by question. Times are seconds of `time.perf_counter`.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ANALYSE, PLAN, LOOKUP, WAIT, FETCH, SCAN, ASSEMBLE, SEND = STAGES = (
    "analyse",
    "plan",
    "lookup",
    "wait",
    "fetch",
    "scan",
    "assemble",
    "send",
)
"""What becomes of a query, in this order."""
_MOST_ASKS = 1_000


class Ask:
    """A question to the upstream, from the moment it is wanted until its answer has been read.

    from_ms, to_ms: the data's times; 0 where it has none. Of several attempts the last counts.
    sent_s, arrived_s, done_s: 0 until it has come so far.
    """

    __slots__ = (
        "arrived_s",
        "attempts",
        "begun_s",
        "done_s",
        "from_ms",
        "has_failed",
        "headers",
        "sent_s",
        "size_bytes",
        "to_ms",
        "url",
    )

    def __init__(self, from_ms: int = 0, to_ms: int = 0) -> None:
        self.from_ms = from_ms
        self.to_ms = to_ms
        self.begun_s = perf_counter()
        self.sent_s = self.arrived_s = self.done_s = 0.0
        self.url = ""
        self.attempts = self.size_bytes = 0
        self.has_failed = False
        self.headers: tuple[tuple[str, str], ...] = ()
        """What goes with it besides the caller's own headers."""

    def send(self) -> None:
        """It has its turn, and memory."""
        self.sent_s = self.sent_s or perf_counter()

    def attempt(self, url: str) -> None:
        """It is asked there."""
        self.url = url
        self.arrived_s = 0.0
        self.attempts += 1

    def arrive(self, size_bytes: int) -> None:
        """The whole answer is here, so large."""
        self.arrived_s = perf_counter()
        self.size_bytes = size_bytes

    def end(self, has_failed: bool = False) -> None:
        """It has been read, or never will be. Only the first end counts."""
        if not self.done_s:
            self.done_s = perf_counter()
            self.has_failed = has_failed

    @property
    def state(self) -> str:
        """In a word: "waiting", "fetching", "scanning", "done" or "failed"."""
        if self.done_s:
            return "failed" if self.has_failed else "done"
        if self.arrived_s:
            return "scanning"
        return "fetching" if self.sent_s else "waiting"

    def stages_s(self) -> tuple[float, float, float]:
        """How long it has waited, been fetched and been scanned, as far as it came."""
        end_s = self.done_s or perf_counter()
        arrived_s = self.arrived_s or end_s
        sent_s = self.sent_s or arrived_s
        return sent_s - self.begun_s, arrived_s - sent_s, end_s - arrived_s


Mark = tuple[str, float]
"""A stage and when it ended; it began with the end of the one before."""


class Watcher(Protocol):
    """Somebody who wants to know of requests while they run. None of this may fail, or take long."""

    def begun(self, record: Record) -> None:
        """A request begins; of who asks nothing more is known than what stands in its headers."""
        ...

    def asks(self, record: Record, ask: Ask) -> None:
        """It is about to ask the upstream something."""
        ...

    def ended(self, record: Record) -> None:
        """It has been answered, and counted."""
        ...


class Record:
    """Of one request. What most requests do not have stands in the class, and costs them nothing.

    source: the request itself, for who knows what that is. result, reason, steps, held: what the
    cache held of the answer, and why nothing.
    """

    asks: Sequence[Ask] = ()
    code: int = 0
    took_s: float = 0.0
    result: str = ""
    reason: str = ""
    error: str = ""
    steps: int = 0
    held: int = 0
    sent_bytes: int = 0
    is_cancelled: bool = False
    tenant: str | None = None
    """As metrics name it."""
    watchers: tuple[Watcher, ...] = ()
    trace_id: str = ""
    """Of the trace that it is part of, if that is recorded anywhere."""

    def __init__(self, number: int, handler: str, source: object) -> None:
        self.number = number
        self.handler = handler
        self.source = source
        self.began_s = perf_counter()
        self.marks: list[Mark] = []

    def mark(self, stage: str) -> None:
        """A stage has ended just now."""
        self.marks.append((stage, perf_counter()))

    def ask(self, from_ms: int = 0, to_ms: int = 0) -> Ask:
        """Write down a question to the upstream; of very many the last are not remembered."""
        new = Ask(from_ms, to_ms)
        if not isinstance(self.asks, list):
            self.asks = []
        if len(self.asks) < _MOST_ASKS:
            self.asks.append(new)
            for one in self.watchers:
                one.asks(self, new)
        return new

    def stages_s(self) -> dict[str, float]:
        """Seconds by stage, in order; they add up to the time until the last mark.

        Questions run side by side. How the time in which they did is divided says the one that was
        ready last.
        """
        found: dict[str, float] = {}
        last_s = self.began_s
        for stage, ended_s in self.marks:
            found[stage] = found.get(stage, 0.0) + ended_s - last_s
            last_s = ended_s
        if FETCH in found and self.asks:
            _divide(found, max(self.asks, key=lambda one: one.done_s))
        return {stage: found[stage] for stage in STAGES if stage in found}

    @property
    def upstream_bytes(self) -> int:
        return sum(one.size_bytes for one in self.asks)

    @property
    def upstream_s(self) -> float:
        """The upstream's time, all questions together."""
        return sum(one.stages_s()[1] for one in self.asks)


def _divide(found: dict[str, float], slowest: Ask) -> None:
    wait_s, _, scan_s = slowest.stages_s()
    wait_s = min(wait_s, found[FETCH])
    scan_s = min(scan_s, found[FETCH] - wait_s)
    found[FETCH] -= wait_s + scan_s
    found[WAIT] = found.get(WAIT, 0.0) + wait_s
    found[SCAN] = found.get(SCAN, 0.0) + scan_s


class _Nobody(Record):
    """For work that belongs to no request: nothing is remembered."""

    def mark(self, stage: str) -> None:
        """Nothing."""

    def ask(self, from_ms: int = 0, to_ms: int = 0) -> Ask:
        """A question that nobody looks at."""
        return Ask(from_ms, to_ms)


_NOBODY = _Nobody(0, "", None)
_CURRENT: ContextVar[Record] = ContextVar("record", default=_NOBODY)
_ASK: ContextVar[Ask | None] = ContextVar("ask", default=None)


def current() -> Record:
    """The record of the request on whose behalf this runs."""
    return _CURRENT.get()


def begin(record: Record) -> None:
    """All that this task does from now on, and the tasks that it starts, is this request's."""
    _CURRENT.set(record)


@contextmanager
def asking(from_ms: int = 0, to_ms: int = 0) -> Iterator[Ask]:
    """A question to the upstream; whoever words, sends or reads it within finds it with `asked`."""
    ask = current().ask(from_ms, to_ms)
    before = _ASK.set(ask)
    try:
        yield ask
    except BaseException:
        ask.end(has_failed=True)
        raise
    else:
        ask.end()
    finally:
        _ASK.reset(before)


@contextmanager
def asked() -> Iterator[Ask]:
    """The question that is being asked; one of its own where nobody has told of it."""
    known = _ASK.get()
    if known is not None and not known.done_s:
        yield known
        return
    with asking() as ask:
        yield ask
