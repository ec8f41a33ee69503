"""What is not markup is text, whatever it holds; addresses are this server's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.status.html import Markup, clip, code, escape, join, tag, typed
from tests.status.reading import read

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ('"it\'s"', "&quot;it&#39;s&quot;"),
        ("</script><script>", "&lt;/script&gt;&lt;script&gt;"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\u2028\u2029", "⟨U+2028⟩⟨U+2029⟩"),
        ("gpj.\u202eexe", "gpj.⟨U+202E⟩exe"),
        ("\x00\x1b[31m\r", "⟨U+0000⟩⟨U+001B⟩[31m⟨U+000D⟩"),
        ("\udc80", "⟨U+DC80⟩"),
        ("zażółć γειά 日本 👍", "zażółć γειά 日本 👍"),
    ],
)
def test_text_is_escaped_and_what_is_not_seen_is_shown(text: str, written: str) -> None:
    assert escape(text) == written
    assert tag("p", text) == f"<p>{written}</p>"
    assert f'aria-label="{written}"' in tag("p", aria_label=text)


def test_markup_is_not_escaped_again() -> None:
    assert tag("p", tag("b", "<"), " & ") == "<p><b>&lt;</b> &amp; </p>"
    assert join(Markup("<i>"), None, "<") == "<i>&lt;"


def test_attributes_have_the_names_of_html_and_those_without_a_value_are_left_out() -> None:
    made = tag("label", class_="a", for_="b", aria_label="c", hidden=True, id=None, checked=False)
    assert made == '<label class="a" for="b" aria-label="c" hidden></label>'


def test_one_and_true_are_told_apart() -> None:
    assert tag("p", tabindex=1) == '<p tabindex="1"></p>'
    assert tag("p", tabindex=True) == "<p tabindex></p>"
    assert tag("td", data_by=1.0) == '<td data-by="1"></td>'


def test_elements_that_are_empty_have_no_end() -> None:
    assert tag("input", value="x") == '<input value="x">'


@pytest.mark.parametrize("address", ["#queries", "graph", "status/page.js", "a/b?query=%3C+x&b=1"])
def test_addresses_of_this_server_are_taken(address: str) -> None:
    assert tag("a", href=address)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "//elsewhere",
        "https://elsewhere/",
        "/\\elsewhere",
        "a b",
        "",
    ],
)
@pytest.mark.parametrize("attribute", ["href", "src", "action"])
def test_other_addresses_are_a_fault(address: str, attribute: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        tag("a", **{attribute: address})


@pytest.mark.parametrize("name", ["onclick", "style", "on_load"])
def test_what_the_policy_forbids_is_a_fault(name: str) -> None:
    with pytest.raises(ValueError, match="forbids"):
        tag("a", **{name: "x"})


@pytest.mark.parametrize("name", ["a b", "a>", "", "A", "a="])
def test_names_are_no_text(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        tag(name)
    with pytest.raises(ValueError, match="no name"):
        tag("a", **{name: "x"})


@given(ANY_TEXT, ANY_TEXT)
def test_any_text_stays_text(inside: str, attribute: str) -> None:
    made = tag("p", tag("code", inside), aria_label=attribute)
    document = read(made.replace("aria-label", "class"))
    assert [element.tag for element in document.elements] == ["p", "code"]
    assert list(document.elements[0].attributes) == ["class"]
    assert not document.faults
    made.encode()


def test_a_long_text_is_clipped_and_its_length_is_told() -> None:
    assert clip("x" * 300) == "x" * 300
    assert clip("x" * 100_000, 3) == "xxx… (100,000 characters)"
    assert len(code("<" * 100_000)) < 2_000


def test_what_somebody_typed_has_a_direction_of_its_own() -> None:
    assert typed("שלום") == "<bdi>שלום</bdi>"
    assert code("up") == "<code><bdi>up</bdi></code>"


def test_nothing_typed_is_a_dash() -> None:
    assert read(typed("")).text == "\u2013"
