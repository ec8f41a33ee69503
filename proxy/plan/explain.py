"""What is known of how a query would be answered, without asking it. Pure; `explain_text` words it.

All times are Unix milliseconds, ages and lives are milliseconds from now on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.plan.wording import count

if TYPE_CHECKING:
    from proxy.model.query import Form
    from proxy.plan.limit_facts import LimitFact


@dataclass(frozen=True, slots=True)
class Reading:
    """How the request was read; a time is None where there is none or only Thanos can read it.

    api: "query_range" or "query"; the time of an instant query is its start. says: what it says of
    caching, "no-cache" or "no-store". patience_ms: until its deadline; patience_from: what sets that.
    """

    api: str
    expr: str
    tenant: str
    patience_ms: int
    patience_from: str
    start_ms: int | None = None
    end_ms: int | None = None
    step_ms: int | None = None
    parameters: Form = ()
    says: str = ""
    wants_gzip: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """The timestamps that are answered; is_moved: onto multiples of the step, by the setting."""

    first_ms: int
    last_ms: int
    step_ms: int
    phase_ms: int
    steps: int
    is_moved: bool


@dataclass(frozen=True, slots=True)
class Traits:
    """What the expression reads. constant: the text that is sent, where it is not the client's own.

    before_ms, after_ms: how far around each step, the lookback delta left out. at: absolute times.
    metrics: None where it may be any.
    """

    before_ms: int
    after_ms: int
    at: tuple[tuple[int, int], ...]
    metrics: tuple[str, ...] | None
    constant: str = ""


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What answers are kept under. headers: name and, where it was sent, a mark of its value."""

    expression: str
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Remembered:
    """A body that is remembered as it was sent; is_sent: this request would get it."""

    age_ms: int
    lives_ms: int
    size_bytes: int
    is_gzip: bool
    is_sent: bool


@dataclass(frozen=True, slots=True)
class HeldRun:
    """Steps that are held. lives_ms: until its life is over, negative when it is.

    trust: as `plan.holes.Trust`, in lower case. serves_ms: for how long it may serve as things stand.
    why_not: in one word (see `explain_text.WHY_NOT`), or "".
    """

    from_ms: int
    to_ms: int
    steps: int
    age_ms: int
    lives_ms: int
    trust: str
    serves_ms: int
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to the upstream; form: urlencoded, "" where there was no more room to show it."""

    from_ms: int | None
    to_ms: int | None
    steps: int
    method: str
    path: str
    form: str


@dataclass(frozen=True, slots=True)
class KeepFact:
    """How long some of the steps that are asked for would be kept; setting: what says so."""

    what: str
    steps: int | None
    life_ms: int
    setting: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The error that the client would get."""

    status: int
    error_type: str
    error: str


@dataclass(frozen=True, slots=True)
class Explained:
    """All of it.

    whole: why the query is passed on as it came; "" when it is not. interval_ms: where cuts fall.
    asked_steps, requests: what would be fetched; `asks` and `held` may be cut. not_kept: why nothing
    of it would be kept. blocked_rules: how many there are. notes: what else there is to say.
    """

    reading: Reading
    window: Window | None = None
    refusal: Refusal | None = None
    whole: str = ""
    interval_ms: int = 0
    traits: Traits | None = None
    key: KeyFacts | None = None
    remembered: tuple[Remembered, ...] = ()
    held: tuple[HeldRun, ...] = ()
    held_runs: int = 0
    held_steps: int = 0
    asks: tuple[Ask, ...] = ()
    requests: int = 0
    asked_steps: int = 0
    keeping: tuple[KeepFact, ...] = ()
    not_kept: str = ""
    limits: tuple[LimitFact, ...] = ()
    blocked_rules: int = 0
    notes: tuple[str, ...] = ()

    @property
    def is_remembered(self) -> bool:
        return any(one.is_sent for one in self.remembered)

    @property
    def outcome(self) -> str:
        """What would happen, in one sentence."""
        if self.refusal:
            return f"refused with {self.refusal.status}: {self.refusal.error}"
        if self.whole:
            return f"asked whole: {self.whole}"
        if self.is_remembered:
            return "a remembered answer is sent as it is, nothing is asked"
        return self._from_parts()

    def _from_parts(self) -> str:
        if self.window is None:
            return f"{count(self.requests, 'request')} to the upstream"
        held = f"{self.held_steps} of {count(self.window.steps, 'step')} are held"
        if not self.requests:
            return f"{held}, nothing is asked"
        return f"{held}, {self.asked_steps} are asked in {count(self.requests, 'request')}"
