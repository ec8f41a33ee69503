"""Parameters: read as Go's net/http reads them, written so that they mean the same."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.params import encode_form, encode_range_form, parse_form, parse_range_query
from proxy.model.grid import Grid
from proxy.model.query import Form, RangeQuery

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FORMS = st.lists(st.tuples(TEXTS, TEXTS), max_size=6).map(tuple)


def form(**changes: str) -> Form:
    fields = {"query": "up", "start": "0", "end": "60", "step": "15", **changes}
    return tuple(fields.items())


@given(FORMS)
def test_a_written_form_is_read_back_in_its_order(fields: Form) -> None:
    assert parse_form(encode_form(fields).decode()) == fields


@given(FORMS)
def test_a_written_form_means_the_same_to_another_reader(fields: Form) -> None:
    assert parse_qsl(encode_form(fields).decode(), keep_blank_values=True) == list(fields)


@given(FORMS, FORMS)
def test_the_parameters_of_the_body_stand_before_those_of_the_url(url: Form, body: Form) -> None:
    assert parse_form(urlencode(url), urlencode(body).encode()) == body + url


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", ()),
        ("a", (("a", ""),)),
        ("a=", (("a", ""),)),
        ("=b", (("", "b"),)),
        ("&&a=1&", (("a", "1"),)),
        ("a=b=c", (("a", "b=c"),)),
        ("a+b=c+d%2B", (("a b", "c d+"),)),
        ("a%5B%5D=1&a[]=2", (("a[]", "1"), ("a[]", "2"))),
        ("q=%E6%97%A5&q=%00", (("q", "日"), ("q", "\x00"))),
    ],
)
def test_odd_but_valid_queries_are_read_as_go_reads_them(text: str, fields: Form) -> None:
    assert parse_form(text) == fields
    assert parse_form("", text.encode()) == fields


@pytest.mark.parametrize("text", ["a;b", "a=%zz", "a=%", "a=%1", "a=%FF", "%C3=1", "a=1&b=%e9"])
def test_queries_that_go_judges_in_its_own_way_are_left_to_it(text: str) -> None:
    assert parse_form(text) is None
    assert parse_form("ok=1", text.encode()) is None


@pytest.mark.parametrize("body", [b"query=\xff\xfe", "query=é".encode(), b"\x80"])
def test_a_body_that_is_not_urlencoded_is_left_to_thanos(body: bytes) -> None:
    assert parse_form("", body) is None


def test_a_url_with_characters_beyond_ascii_is_left_to_thanos() -> None:
    assert parse_form("query=é") is None


def test_a_range_query_is_read() -> None:
    fields = form(start="1.5", end="1970-01-01T00:01:00Z", step="1m", timeout="30s")
    assert parse_range_query((*fields, ("dedup", "false"), ("x", "y"))) == RangeQuery(
        expr="up",
        start_ms=1500,
        end_ms=60_000,
        step_ms=60_000,
        timeout="30s",
        form=(("dedup", "false"), ("x", "y")),
    )


def test_of_a_parameter_that_is_given_twice_the_first_counts() -> None:
    query = parse_range_query((("step", "30"), ("query", "first"), *form()))
    assert query is not None
    assert (query.expr, query.step_ms) == ("first", 30_000)


@pytest.mark.parametrize(
    "changes",
    [
        {"start": "NaN"}, {"start": "Inf"}, {"end": "-Inf"}, {"start": ""}, {"end": "later"},
        {"step": ""}, {"step": "0"}, {"step": "-15"}, {"step": "NaN"}, {"step": "1h 5m"},
        {"step": "0.0001"}, {"start": "61"}, {"end": "-1"}, {"start": "1e300"},
        {"step": "0.005"}, {"step": "9999999999999999"},
        {"timeout": "abc"}, {"timeout": "0"}, {"timeout": "-1s"}, {"timeout": "-1"},
    ],
)  # fmt: skip
def test_a_query_that_thanos_would_refuse_is_left_to_it(changes: dict[str, str]) -> None:
    assert parse_range_query(form(**changes)) is None


@pytest.mark.parametrize("missing", ["start", "end", "step"])
def test_a_query_without_times_or_step_is_left_to_thanos(missing: str) -> None:
    assert parse_range_query(tuple(f for f in form() if f[0] != missing)) is None


@pytest.mark.parametrize(("end", "is_read"), [("11000", True), ("11000.999", True), ("11001", False)])
def test_more_than_11000_steps_are_left_to_thanos(end: str, is_read: bool) -> None:
    assert (parse_range_query(form(end=end, step="1")) is not None) is is_read


def test_start_equal_to_end_is_one_step() -> None:
    query = parse_range_query(form(end="0"))
    assert query is not None
    assert query.grid == Grid(0, 15_000, 1)


@given(
    st.integers(-(10**13), 10**13),
    st.integers(1, 10**9),
    st.integers(1, 11_000),
    TEXTS,
    st.lists(st.tuples(st.sampled_from(["dedup", "replicaLabels[]", "new one"]), TEXTS)).map(tuple),
)
def test_a_split_is_asked_for_exactly_its_grid(
    start_ms: int, step_ms: int, steps: int, expr: str, others: Form
) -> None:
    grid = Grid(start_ms, step_ms, steps)
    query = RangeQuery(expr, start_ms, grid.last_ms, step_ms, "", others)
    asked = parse_form("", encode_range_form(query, expr, grid))
    assert asked is not None
    assert parse_range_query(asked) == query
    assert query.grid == grid


def test_the_timeout_travels_on_only_when_given() -> None:
    grid = Grid(0, 1000, 1)
    with_timeout = RangeQuery("a b", 0, 0, 1000, "5s", (("z", "1"), ("y", "2"), ("z", "3")))
    assert encode_range_form(with_timeout, "a b", grid) == (
        b"query=a+b&start=0&end=0&step=1&timeout=5s&z=1&y=2&z=3"
    )
    without = RangeQuery("a b", 0, 0, 1000, "", ())
    assert encode_range_form(without, "a b", grid) == b"query=a+b&start=0&end=0&step=1"
