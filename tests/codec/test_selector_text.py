"""Matchers as a PromQL selector, and the form that asks for its raw samples."""

from __future__ import annotations

import dataclasses
from urllib.parse import parse_qsl

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.durations import parse_time_ms
from proxy.codec.selector_text import encode_samples_form, selector_text
from proxy.model.read_query import Matcher, MatchType, SampleAsk
from proxy.plan.read_plan import EARLIEST_MS, LATEST_MS

DAY_MS = 86_400_000
EQUAL, NOT_EQUAL, REGEX, NOT_REGEX = MatchType
ASK = SampleAsk(
    first_ms=1_000,
    last_ms=61_000,
    matchers=(Matcher(EQUAL, "__name__", "up"), Matcher(REGEX, "job", "a.*")),
    func="rate",
    max_resolution_ms=0,
    replica_labels=(),
    is_chain=False,
    partial_response=False,
)


def form(**changes: object) -> dict[str, str]:
    ask = dataclasses.replace(ASK, **changes)  # type: ignore[arg-type]
    pairs = parse_qsl(encode_samples_form(ask).decode("ascii"), strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@pytest.mark.parametrize(
    ("matchers", "text"),
    [
        ([], "{}"),
        ([Matcher(EQUAL, "__name__", "up")], '{__name__="up"}'),
        (
            [Matcher(kind, "job", "a|b") for kind in MatchType],
            '{job="a|b",job!="a|b",job=~"a|b",job!~"a|b"}',
        ),
        ([Matcher(EQUAL, "a", "")], '{a=""}'),
        ([Matcher(EQUAL, "a.b", "1")], '{"a.b"="1"}'),
        ([Matcher(EQUAL, "1a", "1")], '{"1a"="1"}'),
        ([Matcher(EQUAL, 'a"\\', "1")], r'{"a\"\\"="1"}'),
        ([Matcher(EQUAL, "ü", "1")], '{"ü"="1"}'),
        ([Matcher(EQUAL, "a\n", "1")], r'{"a\n"="1"}'),
        ([Matcher(EQUAL, "a", 'say "\\n"\n')], '{a="say \\"\\\\n\\"\\n"}'),
        ([Matcher(REGEX, "a", r"\d+\.x")], r'{a=~"\\d+\\.x"}'),
        ([Matcher(EQUAL, "a", "{},=\t'`#")], '{a="{},=\t\'`#"}'),
        ([Matcher(EQUAL, "a", "broken \ufffd")], r'{a="broken \ufffd"}'),
    ],
    ids=str,
)
def test_matchers_become_a_selector(matchers: list[Matcher], text: str) -> None:
    assert selector_text(tuple(matchers)) == text


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_any_value_is_quoted_so_that_promql_reads_it_back(value: str) -> None:
    text = selector_text((Matcher(EQUAL, "__name__", "up"), Matcher(EQUAL, "a", value)))
    assert "\n" not in text
    assert "\ufffd" not in text
    parsed = promql_parser.parse(text)
    assert isinstance(parsed, promql_parser.VectorSelector)
    assert [(m.name, m.value) for m in parsed.matchers.matchers] == [("__name__", "up"), ("a", value)]


def test_both_ends_are_read_although_a_range_leaves_out_its_left_end() -> None:
    found = form()
    assert found["query"] == '{__name__="up",job=~"a.*"}[60001ms]'
    assert found["time"] == "61"


@pytest.mark.parametrize(
    ("first_ms", "last_ms", "range_text"),
    [(5, 5, "[1ms]"), (-5, 5, "[11ms]"), (0, DAY_MS - 1, "[86400000ms]")],
)
def test_a_range_is_as_long_as_its_milliseconds(first_ms: int, last_ms: int, range_text: str) -> None:
    assert form(first_ms=first_ms, last_ms=last_ms)["query"].endswith(range_text)


@given(st.integers(EARLIEST_MS, LATEST_MS))
def test_the_time_is_exact_to_the_millisecond(last_ms: int) -> None:
    text = form(first_ms=last_ms, last_ms=last_ms)["time"]
    assert parse_time_ms(text) == last_ms


def test_a_range_longer_than_a_duration_can_be_is_cut_to_290_years() -> None:
    text = form(first_ms=EARLIEST_MS, last_ms=LATEST_MS)["query"]
    range_ms = int(text.rpartition("[")[2].removesuffix("ms]"))
    assert range_ms == 290 * 365 * DAY_MS
    assert range_ms * 1_000_000 < 1 << 63, "a duration of Go, in nanoseconds"
    assert LATEST_MS - range_ms < 0, "no sample is older than the epoch"


def test_replicas_are_deduplicated_by_the_upstream() -> None:
    assert form()["dedup"] == "true"


@pytest.mark.parametrize(("partial", "text"), [(True, "true"), (False, "false")])
def test_whether_the_answer_may_be_partial_is_said(partial: bool, text: str) -> None:
    assert form(partial_response=partial)["partial_response"] == text


@pytest.mark.parametrize(("resolution_ms", "text"), [(0, "0s"), (300_000, "300000ms")])
def test_how_coarse_the_samples_may_be_is_said(resolution_ms: int, text: str) -> None:
    assert form(max_resolution_ms=resolution_ms)["max_source_resolution"] == text


def test_nothing_else_is_asked() -> None:
    assert form().keys() == {"query", "time", "dedup", "partial_response", "max_source_resolution"}
