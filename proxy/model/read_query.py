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


@dataclass(frozen=True, slots=True)
class SampleAsk:
    """What a source of raw samples is asked; both times are inclusive (Unix milliseconds).

    func: as in `ReadHints`; it chooses among downsampled aggregates. max_resolution_ms: how
    coarsely downsampled data may be; 0 for raw samples only. replica_labels: what tells replicas
    apart; without them the series are the same. is_chain: replicas' samples are united instead of
    chosen by penalty. partial_response: an answer may lack the data of
    stores that are away.
    """

    first_ms: int
    last_ms: int
    matchers: tuple[Matcher, ...]
    func: str
    max_resolution_ms: int
    replica_labels: tuple[str, ...]
    is_chain: bool
    partial_response: bool


@dataclass(frozen=True, slots=True)
class Reader:
    """On whose behalf samples are read.

    vary: what `cache_key.vary_fields` gives of the headers. tenant_label, tenant: the label that
    every series must bear, and its value; "" where tenancy is not enforced.
    replica_labels, is_chain: see `SampleAsk`.
    """

    vary: tuple[str, ...]
    tenant_label: str = ""
    tenant: str = ""
    replica_labels: tuple[str, ...] = ()
    is_chain: bool = False
