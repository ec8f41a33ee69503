"""The targets of a panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.load.intervals import View
from proxy.load.targets import PanelView, questions_of
from proxy.load.variables import Variable

if TYPE_CHECKING:
    from proxy.load.workload import Question

HOUR = 3_600_000
VARIABLES = {"gap": Variable("gap", ("2m",)), "job": Variable("job", ("api",))}
VIEW = PanelView("P", View(6 * HOUR, 1_000, 15_000), 0, VARIABLES)
Target = dict[str, object]


def ask(*targets: Target, **panel: object) -> tuple[list[Question], list[str]]:
    return questions_of({"id": 7, "targets": list(targets), **panel}, VIEW)


def expr_of(expr: str, **more: object) -> str:
    return ask({"expr": expr, **more})[0][0].expr


def test_a_question_knows_its_panel_and_its_letter() -> None:
    (question,), _ = ask({"refId": "B", "expr": " up "})
    assert (question.name, question.panel_id, question.expr) == ("P B", "7", "up")


def test_hidden_and_empty_targets_are_not_asked() -> None:
    assert ask({"expr": "a", "hide": True}, {"expr": ""}, {"query": "loki"}) == ([], [])


@pytest.mark.parametrize(
    ("flags", "steps"),
    [
        ({}, [20_000]),
        ({"range": True}, [20_000]),
        ({"instant": True}, [0]),
        ({"instant": True, "range": True}, [20_000, 0]),
        ({"instant": False, "range": False}, [20_000]),
    ],
)
def test_range_and_instant_are_asked_as_chosen(flags: Target, steps: list[int]) -> None:
    questions, _ = ask({"expr": "a", **flags})
    assert [question.window.step_ms for question in questions] == steps


def test_all_of_grafana_s_own_variables_are_filled_in() -> None:
    names = ["$__interval", "${__interval_ms}", "$__rate_interval", "$__rate_interval_ms"]
    names += ["$__range", "$__range_s", "[[__range_ms]]"]
    text = expr_of(" ".join(names), interval="1m")
    assert text == "1m 60000 4m0s 240000 21600s 21600 21600000"


def test_a_min_step_may_be_a_variable() -> None:
    assert expr_of("$__interval", interval="$gap") == "2m"
    assert expr_of("$__interval", interval="$__rate_interval") == "1m"
    assert expr_of("$__rate_interval", interval="$__interval") == "1m20s"


def test_the_panel_s_min_interval_is_the_least_step() -> None:
    (question,), _ = ask({"expr": "rate(a[$__rate_interval])"}, interval=">5m")
    assert question.window.step_ms == 300_000
    assert question.expr == "rate(a[5m15s])"


def test_an_old_interval_factor_multiplies_the_step() -> None:
    (question,), _ = ask({"expr": "a", "intervalFactor": 4})
    assert question.window.step_ms == 80_000


def test_times_of_the_window_stay_until_they_are_known() -> None:
    (question,), _ = ask({"expr": "a @ ${__to:date:seconds} + $__from"})
    assert question.knows_times
    assert question.expr == "a @ ${__to:date:seconds} + ${__from}"


def test_a_reference_without_a_value_leaves_the_target_out_and_is_named() -> None:
    questions, notes = ask({"refId": "A", "expr": "rate(a[$window])"}, {"expr": "b"})
    assert [question.expr for question in questions] == ["b"]
    assert notes == ["P A: no value for window (--variable NAME=VALUE), left out"]


def test_a_dollar_inside_a_string_is_only_text() -> None:
    expr = 'label_replace(a, "x", "$1-$name", "y", "(.*)")'
    assert expr_of(expr) == expr


def test_newer_syntax_without_references_is_asked_as_it_is() -> None:
    assert expr_of("some ~new~ syntax") == "some ~new~ syntax"


@pytest.mark.parametrize(
    ("source", "is_asked"),
    [
        ({"type": "prometheus", "uid": "x"}, True),
        ({"type": "grafana-amazonprometheus-datasource"}, True),
        ({"uid": "$ds"}, True),
        ("my prometheus", True),
        ({"type": "loki"}, False),
        ({"type": "__expr__", "uid": "__expr__"}, False),
        ({"type": "datasource", "uid": "-- Dashboard --"}, False),
        ("-- Grafana --", False),
    ],
)
def test_only_prometheus_is_asked(source: object, is_asked: bool) -> None:
    questions, notes = ask({"refId": "A", "expr": "a", "datasource": source})
    assert bool(questions) is is_asked
    assert notes == ([] if is_asked else ["P A: of another datasource, left out"])


def test_the_panel_s_datasource_is_the_targets_unless_they_have_their_own() -> None:
    loki, prometheus = {"type": "loki"}, {"type": "prometheus"}
    assert not ask({"expr": "a"}, datasource=loki)[0]
    assert ask({"expr": "a", "datasource": prometheus}, datasource=loki)[0]
