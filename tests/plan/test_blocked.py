"""Blocked questions: which member fits what, and that clients cannot make the check slow."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from proxy.errors import LimitError
from proxy.plan.blocked import APIS, BlockedRule, Blocking, Pattern, Question, api_of, texts_of

if TYPE_CHECKING:
    from proxy.model.query import Form

HEADERS = {"User-Agent": "Grafana/12.1", "X-Dashboard-Uid": "d1", "X-Panel-Id": "7"}
FORM: Form = (("query", "sum(rate(http_requests_total[5m]))"), ("time", "1"))
ASKED = Question("query", "team-a", FORM, HEADERS)

FITS = {
    "expression": "sum (rate(http_requests_total [5m])) # all of it",
    "pattern": r"rate\(http_[a-z]+_total\[",
    "user_agent": "^Grafana/",
    "dashboard": "d1",
    "panel": "7",
    "tenant": "team-a",
    "path": "query",
}
FITS_NOT = {
    "expression": "sum(rate(http_requests_total[6m]))",
    "pattern": r"^rate\(",
    "user_agent": "grafana",
    "dashboard": "d",
    "panel": "70",
    "tenant": "team-",
    "path": "query_range",
}


def is_blocked(question: Question, *rules: BlockedRule) -> bool:
    try:
        Blocking(rules).check(question)
    except LimitError:
        return True
    return False


def asked(*texts: str, name: str = "query") -> Question:
    return ASKED._replace(form=tuple((name, text) for text in texts))


@pytest.mark.parametrize("member", FITS)
def test_a_member_alone_blocks_what_fits_it_and_nothing_else(member: str) -> None:
    assert is_blocked(ASKED, BlockedRule(**{member: FITS[member]}))
    assert not is_blocked(ASKED, BlockedRule(**{member: FITS_NOT[member]}))


@pytest.mark.parametrize("pair", list(itertools.permutations(FITS, 2)), ids="-".join)
def test_all_members_of_a_rule_must_fit(pair: tuple[str, str]) -> None:
    first, second = pair
    assert is_blocked(ASKED, BlockedRule(**{first: FITS[first], second: FITS[second]}))
    assert not is_blocked(ASKED, BlockedRule(**{first: FITS[first], second: FITS_NOT[second]}))


@pytest.mark.parametrize("member", ["user_agent", "dashboard", "panel"])
def test_who_does_not_send_a_header_does_not_fit_it(member: str) -> None:
    assert not is_blocked(ASKED._replace(headers={}), BlockedRule(**{member: FITS[member]}))


def test_names_of_headers_are_found_in_any_case() -> None:
    headers = CIMultiDict({name.lower(): value for name, value in HEADERS.items()})
    assert is_blocked(ASKED._replace(headers=headers), BlockedRule(dashboard="d1", user_agent="Graf"))


def test_the_refusal_names_the_reason_and_the_first_rule_that_fits() -> None:
    rules = (
        BlockedRule(tenant="team-b", reason="no"),
        BlockedRule(pattern="http_", reason="use the recorded series"),
        BlockedRule(tenant="team-a"),
    )
    with pytest.raises(LimitError) as refused:
        Blocking(rules).check(ASKED)
    assert str(refused.value) == (
        "this request is blocked: use the recorded series"
        " (rule 2 of blocked in --limits.config-file): ask for something else"
    )
    with pytest.raises(LimitError, match=r"^this request is blocked \(rule 3 of blocked in "):
        Blocking(rules).check(asked("up"))


def test_every_selector_of_a_request_is_looked_at() -> None:
    rule = BlockedRule(expression="down", path="query")
    assert is_blocked(asked("up", "down", name="match[]"), rule)
    assert not is_blocked(asked("up", "up", name="match[]"), rule)


def test_both_texts_of_a_rule_must_fit_the_same_selector() -> None:
    rule = BlockedRule(expression="up", pattern="down")
    assert not is_blocked(asked("up", "down", name="match[]"), rule)
    assert is_blocked(asked("up", "down", name="match[]"), BlockedRule(pattern="down"))


def test_a_request_without_texts_fits_rules_without_texts_only() -> None:
    for form in ((), (("start", "1"), ("other", "up"))):
        assert not is_blocked(ASKED._replace(form=form), BlockedRule(pattern=".*"))
        assert not is_blocked(ASKED._replace(form=form), BlockedRule(pattern=".*", tenant="team-a"))
        assert is_blocked(ASKED._replace(form=form), BlockedRule(tenant="team-a"))


def test_only_queries_and_selectors_are_texts() -> None:
    form: Form = (("match[]", "a"), ("timeout", "b"), ("query", "c"), ("match", "d"))
    assert texts_of(form) == ["a", "c"]


def test_parameters_that_cannot_be_read_are_no_way_around_a_rule() -> None:
    unread = ASKED._replace(form=None)
    with pytest.raises(LimitError, match=r"so rule 1 of blocked in .* cannot be checked: send them"):
        Blocking([BlockedRule(pattern="never", path="query")]).check(unread)
    with pytest.raises(LimitError, match="blocked: gone"):
        Blocking([BlockedRule(tenant="team-a", reason="gone")]).check(unread)
    assert not is_blocked(unread, BlockedRule(pattern="never", path="series"))


BLANKS = st.text(" \t\r\n", max_size=3)
TOKENS = st.lists(
    st.sampled_from(["up", "{", "}", "a", "=", '"x y"', "sum", "(", ")", "5m", "[", "]", "$__r"]),
    min_size=1,
    max_size=8,
)


@given(TOKENS, BLANKS, st.integers(0, 8))
def test_blanks_and_comments_lead_around_no_expression(tokens: list[str], blanks: str, at: int) -> None:
    plain = " ".join(tokens)
    spaced = " ".join([*tokens[:at], blanks, *tokens[at:]])
    rule = BlockedRule(expression=plain)
    assert is_blocked(asked(f"{blanks}{plain}{blanks}"), rule)
    if not {"[", "]", "$__r"} & set(tokens):
        assert is_blocked(asked(f"# why\n{spaced}# end"), rule)


@given(TOKENS, TOKENS)
def test_an_expression_blocks_no_other_tokens(first: list[str], second: list[str]) -> None:
    fits = is_blocked(asked(" ".join(first)), BlockedRule(expression=" ".join(second)))
    assert fits == (first == second)


def test_blanks_that_promql_does_not_know_are_no_blanks() -> None:
    assert not is_blocked(asked("\u00a0up"), BlockedRule(expression="up"))


def test_a_line_break_leads_around_no_pattern() -> None:
    assert is_blocked(asked("sum(\nup\n)"), BlockedRule(pattern=r"sum\(.*up"))


def test_text_that_is_no_utf_8_can_be_searched() -> None:
    assert Pattern("b$").is_in("\udcff\ud800b")
    assert Pattern("^é+$").is_in("éé")


def test_a_remembered_text_is_still_judged_by_who_asks() -> None:
    blocking = Blocking([BlockedRule(pattern="http_", tenant="team-b")])
    for _ in range(2):
        blocking.check(ASKED)
        with pytest.raises(LimitError):
            blocking.check(ASKED._replace(tenant="team-b"))


def test_a_long_text_is_judged_and_not_remembered() -> None:
    blocking = Blocking([BlockedRule(pattern="zebra")])
    blocking.check(asked("x" * 5_000))
    blocking.check(asked("up"))
    with pytest.raises(LimitError):
        blocking.check(asked("x" * 5_000 + "zebra"))
    assert blocking._rules_of.cache_info().currsize == 1


def test_a_client_is_known_by_the_name_that_it_sends_each_time() -> None:
    blocking = Blocking([BlockedRule(user_agent="curl")])
    for name in ("curl/8", "Grafana", "curl/8", "x" * 600 + "curl", "x" * 600):
        question = ASKED._replace(headers={"User-Agent": name})
        if "curl" in name:
            with pytest.raises(LimitError):
                blocking.check(question)
        else:
            blocking.check(question)


@pytest.mark.parametrize("pattern", ["(", "(?=up)", r"(a)\1", "a{9999}", r"\p{Nothing}"])
def test_what_is_no_regular_expression_of_re2_is_refused_with_the_reason(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"it is no RE2 regular expression: ."):
        Pattern(pattern)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+b", "(.*a){20}b", "(a|b)*a(a|b){15}c"])
def test_no_text_makes_a_pattern_slow(pattern: str) -> None:
    """A quarter of a megabyte; backtracking would take longer than the universe is old."""
    began_s = time.perf_counter()
    Pattern(pattern).is_in("a" * 250_000 + "!")
    assert time.perf_counter() - began_s < 1


def test_every_api_can_be_a_path() -> None:
    for api in APIS:
        assert is_blocked(ASKED._replace(api=api), BlockedRule(path=api))


@pytest.mark.parametrize(
    ("path", "api"),
    [
        ("/api/v1/query", "query"),
        ("/api/v1/query_range", "query_range"),
        ("/api/v1/label/job/values", "label_values"),
        ("/api/v1/label/a%2Fb/values", "label_values"),
        ("/api/v1/read", "read"),
        ("/api/v1/query%5Frange", "query_range"),
        ("/%61pi/v1/%71uery", "query"),
        ("//api/v1//labels/", "labels"),
        ("/prefix/api/v1/series", "series"),
        ("/api/v1/query_exemplars", ""),
        ("/api/v1/query/more", ""),
        ("/api/v1/values", ""),
        ("/api/v1/", ""),
        ("/query", ""),
        ("/", ""),
        ("/%ff%", ""),
    ],
)
def test_a_path_means_what_thanos_would_read(path: str, api: str) -> None:
    assert api_of(path) == api
