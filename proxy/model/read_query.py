"""What a remote-read client asks: raw samples of the series that match, between two times."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class MatchType(IntEnum):
    """How a label is compared; the numbers are those of remote read and of the StoreAPI."""

    EQUAL = 0
    NOT_EQUAL = 1
    REGEX = 2
    NOT_REGEX = 3


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label."""

    kind: MatchType
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class ReadHints:
    """What the client will do with the samples; 0 and "" where it did not say.

    func: the PromQL function around the selector. step_ms: of the range query. range_ms: of the
    range selector.
    """

    func: str = ""
    step_ms: int = 0
    range_ms: int = 0


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """One query of a remote-read request; both times are inclusive (Unix milliseconds)."""

    start_ms: int
    end_ms: int
    matchers: tuple[Matcher, ...]
    hints: ReadHints = ReadHints()
