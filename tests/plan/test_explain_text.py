"""The exact text that an operator reads."""

from __future__ import annotations

import dataclasses

import pytest

from proxy.plan.explain import (
    Ask,
    Explained,
    HeldRun,
    KeepFact,
    KeyFacts,
    Reading,
    Refusal,
    Remembered,
    Traits,
    Window,
)
from proxy.plan.explain_text import WHY_NOT, text_of
from proxy.plan.limit_facts import LimitFact

START_MS = 1_795_809_600_000
MINUTE_MS = 60_000
READING = Reading(
    api="query_range",
    expr="rate(a[5m] @ end())",
    tenant="team-a",
    patience_ms=90_000,
    patience_from="the parameter timeout",
    start_ms=START_MS + 500,
    end_ms=START_MS + 10 * MINUTE_MS,
    step_ms=MINUTE_MS,
    parameters=(("dedup", "false"),),
    says="no-cache",
    wants_gzip=True,
)
FULL = Explained(
    reading=READING,
    window=Window(START_MS, START_MS + 10 * MINUTE_MS, MINUTE_MS, 0, 11, is_moved=True),
    interval_ms=24 * 60 * MINUTE_MS,
    traits=Traits(5 * MINUTE_MS, 0, ((START_MS, START_MS + 1),), ("a", "b"), "rate(a[5m] @ 1.000)"),
    key=KeyFacts("rate ( a [ 5m ] @ 1.000 )", (("thanos-tenant", "0a1b2c3d"), ("cookie", ""))),
    remembered=(
        Remembered(5_000, 25_000, 1_234, is_gzip=True, is_sent=False),
        Remembered(61_000, 2_000, 99, is_gzip=False, is_sent=False),
    ),
    held=(
        HeldRun(START_MS, START_MS + 3 * MINUTE_MS, 4, 60_000, 540_000, "confirmed", 540_000),
        HeldRun(START_MS + 4 * MINUTE_MS, START_MS + 4 * MINUTE_MS, 1, 900, 99_000, "pending", 9_100),
        HeldRun(
            START_MS + 5 * MINUTE_MS,
            START_MS + 6 * MINUTE_MS,
            2,
            700_000,
            -100_000,
            "confirmed",
            0,
            "expired",
        ),
    ),
    held_runs=3,
    held_steps=5,
    asks=(
        Ask(
            START_MS + 5 * MINUTE_MS,
            START_MS + 10 * MINUTE_MS,
            6,
            "POST",
            "/api/v1/query_range",
            "query=a&start=1",
        ),
        Ask(START_MS, START_MS, 1, "POST", "/api/v1/query_range", ""),
    ),
    requests=2,
    asked_steps=7,
    keeping=(
        KeepFact("may get late samples", 5, 600_000, "--cache.recent-life"),
        KeepFact("too young", 1, 0, "--query-range.response-cache-max-freshness"),
        KeepFact("until it is confirmed", None, 10_000, "--cache.unconfirmed-life"),
    ),
    limits=(
        LimitFact("max_query_bytes", "--limits.max-query-bytes", 0, 19, "no limit"),
        LimitFact("max_query_length", "--query-range.max-query-length", 3_600_000, 600_000, "within"),
        LimitFact("max_query_steps", "--limits.max-query-steps", 10, 11, "over"),
        LimitFact("max_query_samples", "--limits.max-query-samples", 9, None, "counted as it comes"),
    ),
    blocked_rules=2,
    notes=("one more thing",),
)
FULL_TEXT = """\
range query: 5 of 11 steps are held, 7 are asked in 2 requests

request
  query     rate(a[5m] @ end())
  start     2026-11-27T20:00:00.500Z
  end       2026-11-27T20:10:00Z
  step      1m
  dedup     false
  says      no-cache
  answer    gzip
  tenant    team-a
  deadline  1m30s (the parameter timeout)

plan
  window   2026-11-27T20:00:00Z to 2026-11-27T20:10:00Z, moved onto multiples of the step
  steps    11 of 1m
  cut      at multiples of 1d
  sent as  rate(a[5m] @ 1.000)
  reads    5m before to 0s after each step, lookback left out
  reads    2026-11-27T20:00:00Z to 2026-11-27T20:00:00.001Z
  metrics  a, b

key
  expression     rate ( a [ 5m ] @ 1.000 )
  thanos-tenant  hashed: 0a1b2c3d
  cookie         not sent

remembered
  gzip  1234 bytes  age 5s    lives 25s  is not sent
  text  99 bytes    age 1m1s  lives 2s   is not sent

held
  2026-11-27T20:00:00Z to 2026-11-27T20:03:00Z  4 steps  age 1m      lives 9m        serves
  2026-11-27T20:04:00Z to 2026-11-27T20:04:00Z  1 step   age 900ms   lives 1m39s     serves for 9s: \
not confirmed yet by a look at the stores
  2026-11-27T20:05:00Z to 2026-11-27T20:06:00Z  2 steps  age 11m40s  over for 1m40s  does not serve: \
its life is over

would be asked
  1  2026-11-27T20:05:00Z to 2026-11-27T20:10:00Z  6 steps
    POST /api/v1/query_range
    query=a&start=1
  2  2026-11-27T20:00:00Z to 2026-11-27T20:00:00Z  1 step
    POST /api/v1/query_range
    (too long to be shown)

would be kept
  may get late samples   5 steps  10m       --cache.recent-life
  too young              1 step   not kept  --query-range.response-cache-max-freshness
  until it is confirmed           10s       --cache.unconfirmed-life

limits
  --query-range.max-query-length   1h       within: the query has 10m
  --limits.max-query-steps         10       over: the query has 11
  --limits.max-query-samples       9        counted as it comes
  blocked in --limits.config-file  2 rules
  1 limit not set

notes
  one more thing
"""


def section(text: str, title: str) -> list[str]:
    """The lines below a title."""
    (found,) = [part for part in text.rstrip("\n").split("\n\n") if part.startswith(f"{title}\n")]
    return found.split("\n")[1:]


def test_everything_that_can_be_said_is_said_like_this() -> None:
    assert text_of(FULL) == FULL_TEXT


def test_what_is_asked_whole_says_why_and_how() -> None:
    plain = dataclasses.replace(READING, parameters=(), says="", wants_gzip=False)
    window = dataclasses.replace(FULL.window, is_moved=False, phase_ms=500)  # type: ignore[type-var]
    ask = Ask(None, None, 0, "GET", "/api/v1/query_range", "query=a&limit=3")
    text = text_of(Explained(plain, window, whole="limit is given", asks=(ask,), requests=1))
    assert text.startswith("range query: asked whole: limit is given\n\nrequest\n")
    assert section(text, "plan") == [
        "  window  2026-11-27T20:00:00Z to 2026-11-27T20:10:00Z",
        "  steps   11 of 1m, 500ms past multiples of it",
        "  cut     not: limit is given",
    ]
    assert section(text, "would be asked") == [
        "  1",
        "    GET /api/v1/query_range",
        "    query=a&limit=3",
    ]


def test_times_that_only_thanos_can_read_are_said_to_be_so() -> None:
    unread = dataclasses.replace(READING, start_ms=None, end_ms=None, step_ms=None)
    text = text_of(Explained(unread, whole="Thanos reads the parameters"))
    assert section(text, "request")[1:4] == [
        "  start     not read here",
        "  end       not read here",
        "  step      not read here",
    ]
    assert section(text, "plan") == ["  whole  Thanos reads the parameters"]


def test_an_instant_query_has_one_time() -> None:
    text = text_of(Explained(dataclasses.replace(READING, api="query"), requests=1))
    assert text.startswith("instant query: 1 request to the upstream\n")
    assert section(text, "request")[1:3] == [
        "  time      2026-11-27T20:00:00.500Z",
        "  dedup     false",
    ]


def test_a_refusal_leaves_out_what_is_not_known() -> None:
    text = text_of(Explained(READING, refusal=Refusal(422, "execution", "it is too long")))
    assert text.startswith("range query: refused with 422: it is too long\n")
    assert [part.partition("\n")[0] for part in text.split("\n\n")[1:]] == ["request"]


@pytest.mark.parametrize(("why_not", "words"), [*WHY_NOT.items(), ("new_reason", "new_reason")])
def test_each_reason_for_not_serving_has_its_words(why_not: str, words: str) -> None:
    run = dataclasses.replace(FULL.held[0], why_not=why_not, serves_ms=0)
    text = text_of(dataclasses.replace(FULL, held=(run,), held_runs=1))
    assert section(text, "held")[0].endswith(f"  does not serve: {words}")


def test_long_lists_are_cut_and_say_so() -> None:
    text = text_of(dataclasses.replace(FULL, held=FULL.held * 30, held_runs=1_090))
    assert len(section(text, "held")) == 41
    assert section(text, "held")[-1] == "  … and 1050 runs more"
    text = text_of(dataclasses.replace(FULL, asks=FULL.asks * 100, requests=41))
    assert section(text, "would be asked")[-1] == "  … and 1 request more"


def test_nothing_that_is_kept_is_explained_by_one_sentence() -> None:
    text = text_of(dataclasses.replace(FULL, keeping=(), not_kept="the cache is off"))
    assert section(text, "would be kept") == ["  nothing: the cache is off"]


def test_what_a_client_wrote_cannot_make_lines_or_move_the_cursor() -> None:
    sly = dataclasses.replace(READING, expr="a\n\nlimits\n\x1b[1A", tenant="\u202eb")
    text = text_of(dataclasses.replace(FULL, reading=sly))
    assert "  query     a\\n\\nlimits\\n\\x1b[1A\n" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
