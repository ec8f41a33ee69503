"""The key: what changes it, what does not, and that no field can pass for two."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.params import parse_form, parse_range_query
from proxy.model.query import Form, RangeQuery
from proxy.plan.cache_key import (
    VERSION,
    CacheKey,
    RangeKeyFields,
    answer_key,
    mark_of,
    range_fields,
    range_key,
    samples_key,
    vary_fields,
    vary_values,
)
from proxy.plan.range_plan import SplitPolicy, plan_range

if TYPE_CHECKING:
    from collections.abc import Mapping

POLICY = SplitPolicy(86_400_000, 1000, keep=True)
NAMES = ("thanos-tenant", "x-scope-orgid", "authorization", "cookie")
ASKED = {"query": "sum(rate(a[5m]))", "start": "1000", "end": "8000", "step": "60"}
SHARD = '{"shard_index":0,"total_shards":3,"by":true,"labels":["a"]}'
TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)


def key_of(changes: Mapping[str, str] | None = None, caller: tuple[str, ...] = ()) -> CacheKey:
    """The key of `ASKED` with other or more parameters."""
    return key_of_url(urlencode({**ASKED, **(changes or {})}), b"", caller)


def key_of_url(url_query: str, body: bytes = b"", caller: tuple[str, ...] = ()) -> CacheKey:
    form = parse_form(url_query, body)
    assert form is not None
    query = parse_range_query(form)
    assert query is not None
    plan = plan_range(query, POLICY, caller)
    assert plan.key is not None, plan.whole
    return plan.key


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dedup", "false"),
        ("replicaLabels[]", "replica"),
        ("partial_response", "false"),
        ("max_source_resolution", "auto"),
        ("max_source_resolution", "5m"),
        ("engine", "thanos"),
        ("lookback_delta", "1m"),
        ("storeMatch[]", '{__address__="10.0.0.1:10901"}'),
        ("shard_info", SHARD),
        ("explain", "true"),
        ("what_comes_next_year", "1"),
    ],
)
def test_each_parameter_alone_changes_the_key(name: str, value: str) -> None:
    plain, changed = key_of(), key_of({name: value})
    assert plain.full != changed.full
    assert plain.name != changed.name
    assert key_of({name: f"{value}0"}).full != changed.full
    assert key_of({f"{name}0": value}).full != changed.full


@pytest.mark.parametrize("name", ["analyze", "stats", "limit"])
def test_what_describes_one_evaluation_is_never_kept_and_nothing_kept_answers_it(name: str) -> None:
    query = RangeQuery("a", 0, 600_000, 60_000, "", ((name, "1"),))
    assert plan_range(query, POLICY).key is None
    assert key_of({name: ""}).full != key_of().full


def test_resolutions_that_thanos_puts_in_one_bucket_have_keys_of_their_own() -> None:
    keys = {
        key_of({"max_source_resolution": r}).full for r in ("", "0s", "0", "auto", "5m", "6m", "1h")
    }
    assert len(keys) == 7


def test_two_values_of_a_parameter_are_not_one_and_their_order_counts() -> None:
    def replicas(*values: str) -> bytes:
        url = urlencode([*ASKED.items(), *(("replicaLabels[]", value) for value in values)])
        return key_of_url(url).full

    assert len({replicas("a", "b"), replicas("b", "a"), replicas("ab"), replicas("a")}) == 4


@pytest.mark.parametrize("name", NAMES)
def test_who_asks_changes_the_key(name: str) -> None:
    nobody = vary_fields([], NAMES)
    ann, bob = (vary_fields([(name.title(), value)], NAMES) for value in ("ann", "bob"))
    empty = vary_fields([(name, "")], NAMES)
    keys = {key_of(caller=caller).full for caller in (nobody, ann, bob, empty)}
    assert len(keys) == 4


def test_a_header_by_which_nothing_varies_leaves_the_key_as_it_is() -> None:
    headers = [("THANOS-TENANT", "a"), ("X-Request-ID", "1"), ("User-Agent", "curl")]
    assert vary_fields(headers, NAMES) == vary_fields(headers[:1], NAMES)


def test_a_tenant_in_one_header_is_not_the_same_in_another() -> None:
    assert vary_fields([("THANOS-TENANT", "a")], NAMES) != vary_fields([("X-Scope-OrgID", "a")], NAMES)


def test_a_header_that_is_given_twice_is_not_one_of_both_values() -> None:
    given_ = [vary_fields([("Cookie", v) for v in values], NAMES) for values in (["a", "b"], ["ab"])]
    assert given_[0] != given_[1]


def test_secrets_are_not_found_in_a_key() -> None:
    fields = vary_fields([("Authorization", "Bearer s3cret-s3cret")], NAMES)
    assert b"s3cret" not in key_of(caller=fields).full


def test_the_timeout_does_not_change_the_key() -> None:
    assert key_of({"timeout": "30s"}) == key_of()


@pytest.mark.parametrize(
    "changes",
    [
        {"start": "1970-01-01T00:16:40Z", "end": "1970-01-01T03:13:20+01:00"},
        {"start": "1000.000", "end": "8e3"},
        {"step": "1m"},
        {"step": "60.0"},
        {"step": "60000ms"},
        {"start": "4000"},
        {"start": "7960", "end": "9000"},
        {"end": "8001"},
        {"query": "sum ( rate( a [5m] ) )"},
        {"query": "sum(rate(a[5m])) # of all"},
        {"query": "\n  sum(\n\trate(a[5m])\n)\n"},
    ],
    ids=str,
)
def test_other_words_for_the_same_question_share_a_key(changes: dict[str, str]) -> None:
    assert key_of(changes) == key_of()


def test_get_post_and_mixed_forms_in_any_order_share_a_key() -> None:
    fields = [*ASKED.items(), ("dedup", "false"), ("x", "1")]
    get = key_of_url(urlencode(fields))
    assert key_of_url("", urlencode(fields).encode()) == get
    assert key_of_url(urlencode(fields[3:]), urlencode(fields[:3]).encode()) == get
    assert key_of_url(urlencode(fields[::-1])) == get


@pytest.mark.parametrize(
    "changes",
    [
        {"step": "61"},
        {"start": "1001"},
        {"start": "1000.001"},
        {"query": "sum(rate(a[5m])) + 0"},
        {"query": "sum(rate(a[300s]))"},
        {"query": 'a{b="c d"}'},
        {"query": 'a{b="c  d"}'},
        {"query": 'a{b="c#d"}'},
    ],
    ids=str,
)
def test_another_grid_or_question_never_shares_a_key(changes: dict[str, str]) -> None:
    assert key_of(changes).full != key_of().full


def test_white_space_inside_of_strings_counts() -> None:
    queries = ('a{b="c d"}', 'a{b="c  d"}', 'a{b="c# d"}', "a{b='c d'}", 'a{b="c"}#d')
    assert len({key_of({"query": query}).full for query in queries}) == len(queries)


def test_an_end_that_became_a_constant_is_part_of_the_key() -> None:
    frozen = [key_of({"query": "a @ end()", "end": end}).full for end in ("8000", "8060")]
    assert frozen[0] != frozen[1]


@given(st.lists(TEXTS, max_size=4), st.lists(TEXTS, max_size=4))
def test_two_lists_of_fields_have_one_key_only_when_they_are_equal(a: list[str], b: list[str]) -> None:
    one, two = (range_key(fields, "x", 1, 0, ()) for fields in (a, b))
    assert (one.full == two.full) == (a == b)


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_no_field_can_pass_for_a_part_of_its_neighbour(a: str, b: str, c: str, d: str) -> None:
    one = range_key((a,), b, 1, 0, ((c, d),))
    two = range_key((a + b,), "", 1, 0, ((c + d, ""),))
    assert (one.full == two.full) == (not b and not d)


def test_a_colon_does_not_move_the_border_between_tenant_and_query() -> None:
    assert range_key(("a",), "b:c", 1, 0, ()).full != range_key(("a:b",), "c", 1, 0, ()).full


def test_a_key_begins_with_its_version_and_its_name_has_a_fixed_length() -> None:
    long = range_key(("tenant" * 1000,), "up" * 10_000, 1, 0, ())
    assert long.full.startswith(VERSION)
    assert len(long.name) == 16


def test_pieces_and_whole_answers_never_share_a_key() -> None:
    form: Form = (("query", "a"),)
    assert range_key((), "a", 1, 0, form).full != answer_key((), "a", form).full


def test_whole_answers_differ_by_path_parameters_and_asker() -> None:
    values = "/api/v1/label/a/values"
    keys = [
        answer_key((), "/api/v1/labels", ()),
        answer_key((), values, ()),
        answer_key((), "/api/v1/label/b/values", ()),
        answer_key(("t",), values, ()),
        answer_key((), values, (("match[]", "a"),)),
        answer_key((), values, (("match[]", "a"), ("match[]", "b"))),
        answer_key((), values, (("limit", "1"),)),
        answer_key((), values, (("limit", "0"),)),
        answer_key((), values, (("partial_response", "false"),)),
        answer_key((), values, (("start", "1"),)),
        answer_key((), values, (("end", "1"),)),
    ]
    assert len({key.full for key in keys}) == len(keys)


def test_the_fields_of_the_asker_are_read_back_from_a_key() -> None:
    fields = vary_fields([("THANOS-TENANT", "range"), ("Cookie", "ü")], NAMES)
    key = range_key(fields, "range", 1, 0, ())
    assert tuple(vary_values(key.full, len(NAMES))) == fields


@given(st.lists(TEXTS, max_size=3), st.lists(TEXTS, max_size=3))
def test_the_fields_of_the_asker_are_read_back_from_every_kind_of_piece(
    caller: list[str], others: list[str]
) -> None:
    pieces = (samples_key(caller, others), range_key(caller, "reads", 1, 0, ()))
    assert [vary_values(key.full, len(caller)) for key in pieces] == [caller, caller]


@given(st.lists(TEXTS, max_size=3), st.lists(TEXTS, max_size=3))
def test_raw_samples_never_share_a_key_with_anything_else(caller: list[str], others: list[str]) -> None:
    fields = [*others, "a", "1", "0"]
    of_range = range_key([*caller, *others], "a", 1, 0, ())
    of_answer = answer_key([*caller, *others, "a", "1"], "0", ())
    samples = samples_key(caller, fields)
    assert len({key.full for key in (samples, of_range, of_answer)}) == 3
    assert samples.full.startswith(VERSION)


def test_the_fields_of_raw_samples_cannot_pass_for_each_other() -> None:
    keys = [samples_key((), fields) for fields in (["a", "b"], ["ab"], ["a", "b", ""], ["b", "a"])]
    assert len({key.full for key in keys}) == len({key.name for key in keys}) == len(keys)


def test_the_same_name_for_another_full_key_is_no_equality() -> None:
    key = range_key((), "a", 1, 0, ())
    assert dataclasses.replace(key, full=key.full + b"x") != key


@given(st.lists(TEXTS, max_size=3), TEXTS, st.lists(st.tuples(TEXTS, TEXTS), max_size=3))
def test_a_range_key_can_be_taken_apart_again(
    caller: list[str], expr: str, form: list[tuple[str, str]]
) -> None:
    key = range_key(caller, expr, 60_000, 17, tuple(form))
    in_order = tuple(sorted(form, key=lambda field: field[0]))
    expected = RangeKeyFields(tuple(caller), expr, 60_000, 17, in_order)
    assert range_fields(key.full, len(caller)) == expected


def test_other_keys_are_not_taken_for_those_of_range_queries() -> None:
    assert range_fields(samples_key((), ["a", "1", "2"]).full, 0) is None
    assert range_fields(answer_key((), "/x", ()).full, 0) is None


def test_a_mark_tells_values_apart_and_needs_the_secret() -> None:
    marks = {mark_of([value], secret) for value in ("a", "b") for secret in (b"1", b"2")}
    marks |= {mark_of(["a", "b"], b"1"), mark_of(["ab"], b"1")}
    assert len(marks) == 6
    assert {len(mark) for mark in marks} == {8}
    assert mark_of(["a"], b"1") == mark_of(["a"], b"1")
