"""Variables: values in, PromQL out."""

from __future__ import annotations

import pytest

from proxy.load.variables import Variable, interpolate, read_variables, unknown_names

HOUR = 3_600_000


def read(*models: dict[str, object], **overrides: tuple[str, ...]) -> dict[str, Variable]:
    return read_variables({"templating": {"list": list(models)}}, 6 * HOUR, overrides)[0]


def written(expr: str, *models: dict[str, object], **overrides: tuple[str, ...]) -> str:
    return interpolate(expr, read(*models, **overrides), {})


JOB: dict[str, object] = {"name": "job", "type": "query", "current": {"value": "api"}}
MANY: dict[str, object] = {
    "name": "pod",
    "type": "query",
    "multi": True,
    "current": {"value": ["a.b", "c"]},
}


@pytest.mark.parametrize("reference", ["$job", "${job}", "[[job]]", "${job:raw}", "[[job:raw]]"])
def test_all_ways_to_name_a_variable_are_replaced(reference: str) -> None:
    assert written(f'up{{job="{reference}"}}', JOB) == 'up{job="api"}'


def test_several_values_become_an_escaped_regular_expression() -> None:
    assert written('{pod=~"$pod"}', MANY) == r'{pod=~"(a\\.b|c)"}'


def test_a_single_value_of_several_is_escaped_and_not_bracketed() -> None:
    assert written("$pod", {**MANY, "current": {"value": ["a.b"]}}) == r"a\\.b"
    assert written("$pod", {**MANY, "current": {"value": "a.b"}}) == r"a\\.b"


def test_a_plain_value_has_its_backslashes_and_quotes_escaped() -> None:
    assert written("$job", {**JOB, "current": {"value": r"a\b'c"}}) == r"a\\b\\'c"


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("raw", "a.b,c"),
        ("csv", "a.b,c"),
        ("pipe", "a.b|c"),
        ("text", "a.b + c"),
        ("regex", r"(a\.b|c)"),
        ("glob", "{a.b,c}"),
        ("doublequote", '"a.b","c"'),
        ("singlequote", "'a.b','c'"),
        ("nonsense", "{a.b,c}"),
    ],
)
def test_formats_write_values_as_grafana_does(style: str, text: str) -> None:
    assert written(f"${{pod:{style}}}", MANY) == text


def test_all_is_the_custom_value_as_written() -> None:
    model = {**MANY, "includeAll": True, "allValue": "api-.+", "current": {"value": ["$__all"]}}
    assert written("$pod", model) == "api-.+"


def test_all_is_every_option_in_the_file() -> None:
    options = [{"value": "$__all"}, {"value": "x"}, {"value": "y"}]
    model = {**MANY, "includeAll": True, "options": options, "current": {"value": "$__all"}}
    assert written("$pod", model) == "(x|y)"


def test_all_without_options_matches_everything_and_says_so() -> None:
    model = {**MANY, "includeAll": True, "current": {"value": "$__all"}}
    variables, notes = read_variables({"templating": {"list": [model]}}, HOUR, {})
    assert interpolate("$pod", variables, {}) == ".*"
    assert notes == ["variable pod: no value in the file, .* stands for it"]


def test_without_a_choice_the_selected_option_or_else_the_first_is_taken() -> None:
    options = [{"value": "x"}, {"value": "y", "selected": True}]
    assert written("$job", {"name": "job", "type": "query", "options": options}) == "y"
    assert written("$job", {"name": "job", "type": "query", "options": options[:1]}) == "x"


@pytest.mark.parametrize(
    ("kind", "definition", "value"),
    [
        ("constant", "prod", "prod"),
        ("textbox", "some text", "some text"),
        ("custom", "one, two", "one"),
        ("custom", "Number one : 1, Number two : 2", "1"),
        ("interval", "1m,10m", "1m"),
    ],
)
def test_without_options_the_definition_itself_has_the_value(
    kind: str, definition: str, value: str
) -> None:
    assert written("$v", {"name": "v", "type": kind, "query": definition}) == value


def test_an_automatic_interval_follows_the_range() -> None:
    model: dict[str, object] = {
        "name": "interval",
        "type": "interval",
        "auto": True,
        "auto_count": 60,
        "auto_min": "10s",
        "current": {"value": "$__auto_interval_interval"},
    }
    assert written("[$interval]", model) == "[5m]"


def test_a_value_from_the_command_line_wins_and_several_make_a_list() -> None:
    assert written("$job", JOB, job=("web",)) == "web"
    assert written("$job $new", JOB, job=("w.1", "w2"), new=("n",)) == r"(w\\.1|w2) n"


def test_variables_that_are_not_for_promql_are_left_alone() -> None:
    assert read({"name": "ds", "type": "datasource"}, {"name": "f", "type": "adhoc"}) == {}


def test_what_has_no_value_stays_and_is_named() -> None:
    expr = 'sum($a) + ${b:raw} + [[c]] + label_replace(x, "$1", "", "", "")'
    assert interpolate(expr, {}, {}) == expr
    assert unknown_names(expr) == ["a", "b", "c"]


def test_own_names_can_depend_on_their_format() -> None:
    own = {"__to": "1500", "__to:date:seconds": "1"}
    assert interpolate("$__to ${__to} ${__to:date:seconds}", {}, own) == "1500 1500 1"


def test_a_value_is_not_searched_for_variables_again() -> None:
    assert written("$job", {**JOB, "current": {"value": "$job"}}) == "$job"
