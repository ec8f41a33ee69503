"""When an address gets no work for a while. Pure: the time is an argument.

         failures in a row, or probes that fail
CLOSED ───────────────────────────────────────▶ OPEN
  ▲ ▲                                           │  ▲
  │ │ a trial succeeds     pause over, and      │  │ the trial fails:
  │ └──────────── HALF_OPEN ◀── no probe fails ─┘  │ a longer pause
  │                   └────────────────────────────┘
  └── after its return an address gets its share of work slowly (`weight`)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

_LEAST_WEIGHT = 0.1
_LEAST_ANSWERS = 10
"""Before so many nothing is said of their share; so many count."""
_NEVER_MS = -(1 << 62)


class State(Enum):
    """What an address may be given."""

    CLOSED = "all work"
    HALF_OPEN = "one trial at a time"
    OPEN = "none"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """failures, failed_probes: in a row, that open it. pause: doubles with each failed trial.

    most_ill: the share of failures among the last answers that opens it too. slow_return_ms: how
    long it takes until an address that is back has its full share again. is_probed: whether probes
    come at all.
    """

    failures: int = 5
    most_ill: float = 0.4
    is_probed: bool = True
    failed_probes: int = 2
    pause_ms: int = 1_000
    most_pause_ms: int = 30_000
    slow_return_ms: int = 10_000


@dataclass(slots=True)
class Breaker:
    """Of one address."""

    policy: BreakerPolicy
    state: State = State.CLOSED
    opened: int = 0
    """How often in a row, without a full return in between."""
    needs_probe: bool = False
    """It refused a connection: who listens there next has just started, and may know no stores yet."""
    _failures: int = 0
    _ill: float = 0.0
    _answers: int = 0
    _failed_probes: int = 0
    _until_ms: int = _NEVER_MS
    _returned_ms: int = _NEVER_MS
    _trial_runs: bool = False

    def allows(self, now_ms: int) -> bool:
        """Whether the address may be given work; asking changes nothing."""
        if self.needs_probe:
            return False
        if self.state is State.CLOSED:
            return True
        if self.state is State.HALF_OPEN:
            return not self._trial_runs
        return now_ms >= self._until_ms and not self._failed_probes

    def begin(self, now_ms: int) -> None:
        """Work is given to it, whether that was allowed or there was no other.

        When it is HALF_OPEN then, that is a trial, which must end: `succeed`, `fail` or `abandon`.
        """
        if self.state is State.OPEN and self.allows(now_ms):
            self.state = State.HALF_OPEN
        if self.state is State.HALF_OPEN:
            self._trial_runs = True

    def succeed(self, now_ms: int) -> None:
        """It has answered: whatever came before is over."""
        self._failures = 0
        self._count_ill(0.0)
        self._trial_runs = False
        if self.state is not State.CLOSED:
            self.state = State.CLOSED
            self._returned_ms = now_ms
        elif now_ms - self._returned_ms >= self.policy.slow_return_ms:
            self.opened = 0

    def fail(self, now_ms: int, is_refused: bool = False) -> None:
        """It did not answer, or what stands before it had nobody to ask.

        is_refused: no connection could be opened.
        """
        self._trial_runs = False
        self._failures += 1
        self._count_ill(1.0)
        self.needs_probe = self.needs_probe or (is_refused and self.policy.is_probed)
        is_ill = self._answers >= _LEAST_ANSWERS and self._ill > self.policy.most_ill
        is_over = is_ill or self._failures >= self.policy.failures
        if self.state is State.HALF_OPEN or (self.state is State.CLOSED and is_over):
            self._open(now_ms)

    def abandon(self) -> None:
        """A trial has ended, and says nothing: its answer was not waited for."""
        self._trial_runs = False

    def probe(self, is_ready: bool, now_ms: int) -> None:
        """What the address says of itself."""
        self._failed_probes = 0 if is_ready else self._failed_probes + 1
        self.needs_probe = self.needs_probe and not is_ready
        if self.state is not State.OPEN and self._failed_probes >= self.policy.failed_probes:
            self._open(now_ms)

    def weight(self, now_ms: int) -> float:
        """The share of work that it is ready for: 1, and less for a while after a return."""
        since_ms = now_ms - self._returned_ms
        if since_ms >= self.policy.slow_return_ms:
            return 1.0
        return max(_LEAST_WEIGHT, since_ms / self.policy.slow_return_ms)

    @property
    def is_last_resort(self) -> bool:
        """Whether it should be asked only when all others are as bad: it says that it is not ready."""
        return self._failed_probes > 0

    def _count_ill(self, is_failure: float) -> None:
        self._answers += 1
        self._ill += (is_failure - self._ill) / _LEAST_ANSWERS

    def _open(self, now_ms: int) -> None:
        policy = self.policy
        pause_ms = min(policy.pause_ms << min(self.opened, 16), policy.most_pause_ms)
        self.state = State.OPEN
        self.opened += 1
        self._failures = self._answers = 0
        self._ill = 0.0
        self._until_ms = now_ms + pause_ms
