"""Nothing in a file is ignored, and no mistake in one is quoted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.setting_values import SettingError
from proxy.strict_yaml import parse_section, read_section, shown

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2hunter2"


def test_an_empty_text_is_an_empty_mapping() -> None:
    assert parse_section("", "it").values == {}
    assert parse_section("# nothing", "it").values == {}


def test_values_have_the_type_that_is_asked_for_or_are_missing() -> None:
    text = "{a: x, b: [x, y], c: true, d: 5, e: 2m, f: {g: h}, n: null}"
    section = parse_section(text, "it")
    assert section.text("a") == "x"
    assert section.texts("b") == ("x", "y")
    assert section.flag("c", default=False)
    assert section.whole("d") == 5
    assert section.duration_ms("e") == 120_000
    assert section.has("a")
    assert parse_section("e: 0", "it").duration_ms("e") == 0
    inside = section.section("f")
    assert inside is not None
    assert inside.text("g") == "h"
    assert (section.text("n"), section.texts("n"), section.whole("n")) == ("", (), None)
    assert (section.duration_ms("n"), section.section("n"), section.has("n")) == (None, None, False)
    assert section.flag("n", default=True)


def test_a_mapping_of_texts_is_one_of_texts_only() -> None:
    section = parse_section("{a: {b: x, c: y}, d: {e: 1}, f: {1: x}, g: [x]}", "it")
    assert section.pairs("a") == {"b": "x", "c": "y"}
    assert section.pairs("none") == {}
    for name in "dfg":
        with pytest.raises(SettingError, match=f"it: {name} "):
            section.pairs(name)


@pytest.mark.parametrize("value", ["5", "[5]", "{a: b}", "true", "-1", "1.5", "x"])
@pytest.mark.parametrize("kind", ["text", "texts", "whole", "section", "duration_ms"])
def test_another_type_is_refused_by_the_name_of_the_option(kind: str, value: str) -> None:
    fitting = {("whole", "5"), ("section", "{a: b}"), ("text", "x")}
    section = parse_section(f"opt: {value}", "it")
    if (kind, value) in fitting:
        getattr(section, kind)("opt")
        return
    with pytest.raises(SettingError, match="it: opt"):
        getattr(section, kind)("opt")


def test_a_flag_is_true_or_false() -> None:
    with pytest.raises(SettingError, match="opt is true or false"):
        parse_section("opt: 1", "it").flag("opt", default=True)


def test_an_unknown_option_is_refused_by_name_unless_it_looks_like_no_name() -> None:
    with pytest.raises(SettingError, match="it has no option min_versoin"):
        parse_section("min_versoin: TLS12", "it").only("min_version")
    for odd in (f'"{SECRET}!": x', "5: x", f"{'a' * 50}: x"):
        with pytest.raises(SettingError, match="has no option of such a name"):
            parse_section(odd, "it").only("min_version")


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3", "x: {a: 1, a: 2}", '"a": 1\na: 2'])
def test_an_option_that_is_given_twice_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"it: line \d+, column \d+ is given twice"):
        parse_section(text, "it")


@pytest.mark.parametrize(
    "text",
    [
        f"a: *{SECRET}",
        f"a: !{SECRET} b",
        f"a: {SECRET}: b",
        f"a: '{SECRET}\nb: c",
        f'a: "\\q{SECRET}"',
        f"a: [{SECRET}",
        f"%{SECRET}",
        f"a: \x00{SECRET}",
        f"? {{{SECRET}: b}}\n: c",
        f"- {SECRET}",
        SECRET,
        "a: 2026-99-99",
        "[" * 5_000,
    ],
)
def test_what_is_no_yaml_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse_section(text, "it")
    assert str(caught.value).startswith("it: ")
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_a_mapping_or_one_clear_line(text: str) -> None:
    try:
        section = parse_section(text, "it")
    except SettingError as error:
        assert "\n" not in str(error)  # noqa: PT017  which of both it is does not matter
    else:
        assert isinstance(section.values, dict)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"limits .*missing.yaml: No such file"):
        read_section(str(tmp_path / "missing.yaml"), "limits")
    odd = tmp_path / "odd.yaml"
    odd.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingError, match="not UTF-8"):
        read_section(str(odd), "limits")
    odd.write_text("a: b", "utf-8")
    assert read_section(str(odd), "limits").text("a") == "b"


def test_a_value_is_shown_as_one_short_line() -> None:
    assert shown("TLS14") == "TLS14"
    assert shown("") == "(empty)"
    assert "\n" not in shown("a\nb")
    assert len(shown("x" * 1000)) < 60
