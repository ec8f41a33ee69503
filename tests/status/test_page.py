"""The page says first what is worst, and nothing that anybody typed becomes a part of it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.status import findings
from proxy.status.forms import TenantHeader
from proxy.status.page import ALL_WELL, ANCHORS, PageOptions, live_parts, whole_page
from proxy.status.snapshot import Finding, Snapshot
from tests.status.days import FINDINGS, HOSTILE, NOW_MS, bad_day, changed, good_day, with_strings
from tests.status.reading import Document, read

EMPTY = Snapshot(NOW_MS, 1)
ADMIN = PageOptions(is_admin=True, tenants=TenantHeader("THANOS-TENANT", "nobody"))
NAMED = {
    anchor
    for rules in Path(findings.__file__).parent.glob("*_rules.py")
    for anchor in re.findall(r'anchor="(\w+)"', rules.read_text())
}
"""What findings lead to."""
SMALL = dataclasses.replace(
    bad_day(),
    history=bad_day().history[:3],
    slowest=bad_day().slowest[:2],
    costliest=bad_day().costliest[:1],
)
"""All kinds of things, few of each."""
TYPED = st.one_of(
    st.text(st.characters(exclude_categories=()), min_size=1, max_size=60),
    st.sampled_from(
        [
            HOSTILE,
            "<script>",
            "</title><script>x</script>",
            "'\"><svg/onload=x>",
            "javascript:x",
            "&#x3C;script&#x3E;",
            "\u2028\u2029\u202e\u2066",
            "\ud800",
            "<!--",
            "]]>",
        ]
    ),
)


def page(snapshot: Snapshot) -> Document:
    document = read(whole_page(snapshot, ADMIN))
    assert not document.faults, document.faults[:3]
    return document


def headline(snapshot: Snapshot) -> tuple[str, str]:
    """The first line, and what it leads to."""
    document = read(live_parts(snapshot, can_cancel=False)["headline"])
    return document.text, (document.all("a") or [{"href": ""}])[0]["href"]


def test_it_says_that_all_is_well() -> None:
    assert headline(good_day()) == (ALL_WELL, "")
    assert page(good_day()).by_id("headline").attributes["class"] == "well"


def test_it_names_the_worst_and_leads_to_it() -> None:
    assert headline(bad_day()) == (FINDINGS[0].text, "#addresses")
    assert page(bad_day()).by_id("headline").attributes["class"] == "critical"


def test_every_section_that_a_finding_can_name_is_there() -> None:
    document = page(EMPTY)
    assert len(NAMED) > 5
    for anchor in NAMED:
        assert document.by_id(anchor).tag == "section"
        assert anchor in ANCHORS


def test_a_finding_about_something_else_leads_to_the_rates() -> None:
    odd = Finding("odd", 1, False, "", "Odd.", "Look.", "javascript:x")
    assert headline(dataclasses.replace(EMPTY, findings=(odd,))) == ("Odd.", "#rates")


def test_the_others_stand_below_with_their_advice() -> None:
    parts = live_parts(bad_day(), can_cancel=False)
    below = read(parts["findings"]).text
    for finding in FINDINGS[1:]:
        assert finding.text in below
        assert finding.advice in below
    assert FINDINGS[0].text not in below
    assert FINDINGS[0].advice in read(parts["advice"]).text
    assert "critical for 1 min 34 s" in read(parts["advice"]).text


def test_many_findings_are_counted() -> None:
    many = tuple(dataclasses.replace(FINDINGS[1], subject=str(number)) for number in range(50))
    document = read(live_parts(dataclasses.replace(EMPTY, findings=many), False)["findings"])
    assert len(document.all("li")) == 20
    assert "and 29 more" in document.text


def test_the_first_line_changes_only_with_what_it_says() -> None:
    later = dataclasses.replace(bad_day(), at_ms=NOW_MS + 60_000)
    assert live_parts(later, False)["headline"] == live_parts(bad_day(), False)["headline"]


def test_links_to_sections_in_trouble_are_marked() -> None:
    badges = [s["class"] for s in page(bad_day()).all("span") if s.get("class", "").startswith("badge")]
    assert sorted(badges) == ["badge critical", "badge warned", "badge warned", "badge warned"]


@pytest.mark.parametrize("snapshot", [EMPTY, good_day(), bad_day()], ids=["empty", "good", "bad"])
def test_ids_are_unique_and_what_is_pointed_at_is_there(snapshot: Snapshot) -> None:
    document = page(snapshot)
    ids = [e.attributes["id"] for e in document.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    links = [a["href"][1:] for a in document.all("a") if a["href"].startswith("#")]
    labels = [
        e.attributes["aria-labelledby"] for e in document.elements if "aria-labelledby" in e.attributes
    ]
    fields = [label["for"] for label in document.all("label") if "for" in label]
    assert {*links, *labels, *fields} <= set(ids)


def test_a_reader_can_find_the_way_without_seeing_it() -> None:
    document = page(bad_day())
    for landmark in ("header", "nav", "main", "footer"):
        assert len(document.all(landmark)) == 1
    assert next(e.tag for e in document.elements if e.tag in {"h1", "h2", "h3"}) == "h1"
    assert document.by_id("first-line").attributes["aria-live"] == "polite"
    first_link = document.all("a")[0]
    assert first_link["href"] == "#main"
    assert all("aria-label" in svg for svg in document.all("svg"))


def test_without_javascript_it_loads_itself_anew() -> None:
    head = whole_page(EMPTY, PageOptions())
    assert b'<noscript><meta http-equiv="refresh" content="5"></noscript>' in head


def test_each_live_part_has_its_id() -> None:
    for name, part in live_parts(bad_day(), can_cancel=True).items():
        assert read(part).elements[0].attributes["id"] == name


def test_thanos_s_own_pages_are_one_link_away() -> None:
    assert "graph" in [link["href"] for link in page(EMPTY).all("a")]


def test_nothing_that_is_typed_becomes_a_part_of_the_page() -> None:
    hostile = page(with_strings(bad_day(), lambda _: HOSTILE))
    harmless = page(with_strings(bad_day(), lambda _: "x" * len(HOSTILE)))
    assert hostile.skeleton == harmless.skeleton
    assert [script["src"] for script in hostile.all("script")] == [
        "status/page.js",
        "status/coverage.js",
    ]
    assert "</code><script>window.hurt=1</script>" in hostile.text


@given(TYPED)
def test_that_holds_for_any_text(typed: str) -> None:
    hostile = page(with_strings(SMALL, lambda _: typed))
    harmless = page(with_strings(SMALL, lambda _: "x" * len(typed)))
    assert hostile.skeleton == harmless.skeleton


@given(st.data())
def test_that_holds_for_any_numbers(data: st.DataObject) -> None:
    def other(value: Any) -> Any:
        if isinstance(value, float):
            return data.draw(st.floats())
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return data.draw(st.integers(-(1 << 63), 1 << 63)) if is_number else value

    page(changed(dataclasses.replace(SMALL, running=SMALL.running[:1]), other))


def test_the_page_is_bounded_whatever_is_typed() -> None:
    usual = len(whole_page(bad_day(), ADMIN))
    long = len(whole_page(with_strings(bad_day(), lambda text: f"{text}{'<' * 100_000}"), ADMIN))
    assert long < 8 * usual
