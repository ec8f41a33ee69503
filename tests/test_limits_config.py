"""The file of limits: what it says, what is refused by name, and that a bad one changes nothing."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import limits_config
from proxy.limits_config import LiveLimits, default_limits, read_limits
from proxy.plan.blocked import BlockedRule
from proxy.plan.limits import FLAGS, Limits, LimitsTable, member_of
from proxy.setting_values import SettingError
from proxy.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[str], LimitsTable]

FLAGGED = Limits(max_query_steps=100, max_query_bytes=1000, max_tenant_concurrent=9)
MEMBERS = [member_of(limit) for limit in FLAGS]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_text(text: str) -> LimitsTable:
        file = tmp_path / "limits.yml"
        file.write_text(text, "utf-8")
        return read_limits(str(file), FLAGGED)

    return read_text


def test_without_a_file_the_flags_hold_for_everybody() -> None:
    assert read_limits("", FLAGGED) == LimitsTable(FLAGGED)


@pytest.mark.parametrize("text", ["", "# nothing", "default:\ntenants:\nblocked:\n"])
def test_an_empty_file_changes_nothing(read: Read, text: str) -> None:
    assert read(text) == LimitsTable(FLAGGED)


def test_a_tenant_differs_from_the_default_and_the_default_from_the_flags(read: Read) -> None:
    table = read(
        "default: {max_query_steps: 200, max_query_lookback: 30d}\n"
        "tenants:\n  a: {max_query_steps: 0, max_query_samples: 7}\n  b:\n"
    )
    default = dataclasses.replace(FLAGGED, max_query_steps=200, max_query_lookback_ms=2_592_000_000)
    assert table.of("somebody") == table.of("b") == default
    assert table.of("a") == dataclasses.replace(default, max_query_steps=0, max_query_samples=7)


def test_every_limit_has_a_member_of_its_own_kind(read: Read) -> None:
    values = {"ms": "1m", "bytes": "1KB"}
    inside = ", ".join(f"{member_of(f)}: {values.get(f.rpartition('_')[2], '5')}" for f in FLAGS)
    found = read(f"tenants: {{a: {{{inside}}}}}").of("a")
    numbers = {"ms": 60_000, "bytes": 1024}
    assert found == Limits(**{f: numbers.get(f.rpartition("_")[2], 5) for f in FLAGS})


def test_a_number_without_a_unit_is_bytes(read: Read) -> None:
    assert read("default: {max_query_bytes: 2048}").default.max_query_bytes == 2048


@pytest.mark.parametrize("value", ["true", "-1", "1.5", "[5]", "{a: 5}", "x", '""', "5 apples"])
@pytest.mark.parametrize("member", MEMBERS)
def test_a_limit_of_another_type_is_refused_by_name(read: Read, member: str, value: str) -> None:
    with pytest.raises(SettingError, match=rf"limits\.yml: tenants: a: {member}"):
        read(f"tenants: {{a: {{{member}: {value}}}}}")


def test_a_duration_without_a_unit_is_refused(read: Read) -> None:
    with pytest.raises(SettingError, match="max_query_lookback: a duration such as"):
        read("default: {max_query_lookback: 30}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limits: {}", "yml has no option limits; known are default, tenants, blocked"),
        ("default: {max_steps: 5}", f"default has no option max_steps; known are {', '.join(MEMBERS)}"),
        ("tenants: {a: {x: 5}}", f"tenants: a has no option x; known are {', '.join(MEMBERS)}"),
        (
            "blocked: [{tenant: a}, {query: up}]",
            "blocked, rule 2 has no option query; known are expression, pattern, user_agent, "
            "dashboard, panel, tenant, path, reason",
        ),
    ],
)
def test_unknown_members_are_refused_and_the_known_ones_listed(
    read: Read, text: str, message: str
) -> None:
    with pytest.raises(SettingError) as refused:
        read(text)
    assert str(refused.value).endswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a]", "a mapping is expected"),
        ("default: 5", "default is a mapping"),
        ("tenants: [a]", "tenants is a mapping"),
        ("tenants: {a: 5}", "tenants: a is a mapping"),
        ("tenants: {a: []}", "tenants: a is a mapping"),
        ("tenants: {12: {}}", "12 is no tenant's name: put it in quotes"),
        ("tenants: {on: {}}", "True is no tenant's name: put it in quotes"),
        ("tenants: {a: {}, a: {}}", "line 1, column 18 is given twice"),
        ('tenants: {"": {}}', "(empty) is no tenant's name: put it in quotes"),
        ("blocked: {tenant: a}", "blocked is a list of mappings"),
        ("blocked: [up]", "blocked is a list of mappings"),
        ("blocked: [{}]", "rule 1 needs one of expression, pattern, user_agent, dashboard, panel,"),
        ("blocked: [{reason: gone}]", "rule 1 needs one of expression, pattern, user_agent,"),
        ("blocked: [{tenant: 5}]", "blocked, rule 1: tenant is a text"),
        ("blocked: [{panel: true}]", "blocked, rule 1: panel is a text"),
        ("blocked: [{pattern: ''}]", "rule 1: pattern is empty; leave it out, or fill it"),
        ("blocked: [{expression: ' '}]", "rule 1: expression is empty; leave it out, or fill it"),
        ("blocked: [{expression: '# x'}]", "rule 1: expression holds nothing but a comment"),
        ("blocked: [{path: /api/v1/query}]", "rule 1: path is one of query, query_range, series,"),
        ("blocked: [{pattern: '('}]", "rule 1: pattern: it is no RE2 regular expression: missing )"),
        ("blocked: [{user_agent: '(?!a)'}]", "rule 1: user_agent: it is no RE2 regular expression: "),
    ],
)
def test_what_is_not_understood_is_refused_in_one_line(read: Read, text: str, message: str) -> None:
    with pytest.raises(SettingError) as refused:
        read(text)
    assert message in str(refused.value)
    assert str(refused.value).startswith("--limits.config-file ")
    assert "\n" not in str(refused.value)


def test_a_rule_has_all_its_members(read: Read) -> None:
    table = read(
        "blocked:\n"
        "  - {expression: up, pattern: u, user_agent: G, dashboard: d, panel: 12, tenant: a,"
        " path: query, reason: gone}\n"
        "  - pattern: ^x\n    reason: |\n      two\n      lines\n"
    )
    assert table.blocked == (
        BlockedRule("up", "u", "G", "d", "12", "a", "query", "gone"),
        BlockedRule(pattern="^x", reason="two lines"),
    )


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingError, match=r"^--limits\.config-file /nowhere/a\.yml: No such file"):
        read_limits("/nowhere/a.yml", FLAGGED)


TEXT = "tenants: {a: {max_query_steps: 5}}\nblocked: [{pattern: up, reason: gone}, {user_agent: '^G'}]"


def test_read_twice_a_file_gives_equal_limits(read: Read) -> None:
    first, second = read(TEXT), read(TEXT)
    assert first == second
    assert first is not second


@given(st.text(st.sampled_from("{}[]:,-'\"#&*!|> \n\tablockedtenantspath05"), max_size=60))
def test_whatever_a_file_holds_it_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yml"
    file.write_text(text, "utf-8")
    with contextlib.suppress(SettingError):
        assert read_limits(str(file), FLAGGED) == read_limits(str(file), FLAGGED)
        return
    with pytest.raises(SettingError) as refused:
        read_limits(str(file), FLAGGED)
    refusal = str(refused.value)
    assert refusal.startswith("--limits.config-file ")
    assert "\n" not in refusal


def test_reading_again_takes_what_is_new_and_a_bad_file_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "limits.yml"
    file.write_text(TEXT, "utf-8")
    live = LiveLimits(str(file), FLAGGED)
    before = live.current
    file.write_text("tenants: {a: {max_query_steps: 6}}", "utf-8")
    assert live.current is before
    live.reload()
    after = live.current
    assert (before.of("a").max_query_steps, after.of("a").max_query_steps) == (5, 6)
    for spoil in (lambda: file.write_text("blocked: 5", "utf-8"), file.unlink):
        spoil()
        with pytest.raises(SettingError):
            live.reload()
        assert live.current is after


def test_without_a_file_reading_again_changes_nothing() -> None:
    live = LiveLimits("", FLAGGED)
    live.reload()
    assert live.current == LimitsTable(FLAGGED)


def test_a_bad_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingError):
        LiveLimits(str(tmp_path), FLAGGED)


def test_the_flags_limits_are_those_of_the_settings() -> None:
    limits = default_limits(Settings(max_query_steps=7, max_query_length_ms=8))
    assert (limits.max_query_steps, limits.max_query_length_ms) == (7, 8)
    assert limits.max_tenant_concurrent == Settings().max_tenant_concurrent
    assert not LimitsTable(default_limits(Settings())).judges_questions


def test_the_example_at_the_head_of_the_module_is_a_file_that_is_read(read: Read) -> None:
    text = limits_config.__doc__ or ""
    table = read(text.partition("\n\n")[2].rpartition("\n\n")[0])
    assert table.of("reports").max_query_upstream_bytes == 4 << 30
    assert [rule.panel for rule in table.blocked] == ["", "12"]


def test_every_file_in_the_documentation_is_one_that_is_read(read: Read) -> None:
    page = Path(__file__).resolve().parent.parent / "docs" / "limits.md"
    blocks = page.read_text("utf-8").split("```yaml\n")[1:]
    tables = [read(block.partition("```")[0]) for block in blocks]
    assert any(table.blocked for table in tables)
    assert any(table.tenants for table in tables)
