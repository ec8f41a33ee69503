"""The forms lead to the answers by themselves."""

from __future__ import annotations

from proxy.status import forms
from tests.status.days import bad_day
from tests.status.reading import Document, read

HEADER = forms.TenantHeader("THANOS-TENANT", "nobody")


def named(document: Document) -> list[str]:
    """The fields that a form sends by itself."""
    fields = [*document.all("textarea"), *document.all("input")]
    return [field["name"] for field in fields if "name" in field]


def test_explain_asks_with_the_parameters_of_a_range_query() -> None:
    document = read(forms.explain(bad_day(), HEADER))
    assert not document.faults
    (form,) = document.all("form")
    assert (form["method"], form["action"]) == ("get", "api/v1/thanoxy/explain")
    assert named(document) == ["query", "start", "end", "step"]
    assert document.by_id("explain-start").attributes["value"] == "1789913600"


def test_coverage_asks_for_a_query_and_a_time() -> None:
    document = read(forms.coverage(bad_day(), HEADER))
    assert not document.faults
    assert document.all("form")[0]["action"] == "api/v1/thanoxy/coverage"
    assert named(document) == ["query", "start", "end"]


def test_every_field_has_a_label() -> None:
    for part in (forms.explain(bad_day(), HEADER), forms.coverage(bad_day(), HEADER)):
        document = read(part)
        fields = [*document.all("textarea"), *document.all("input")]
        assert {label["for"] for label in document.all("label")} == {field["id"] for field in fields}


def test_one_group_is_chosen_at_first() -> None:
    document = read(forms.group_choice())
    chosen = {field["id"]: "checked" in field for field in document.all("input")}
    assert chosen == {
        "by-query": True,
        "by-dashboard": False,
        "by-tenant": False,
        "by-expression": False,
    }
    assert len({field["name"] for field in document.all("input")}) == 1


def test_a_tenant_can_be_named_only_where_a_header_does() -> None:
    field = read(forms.explain(bad_day(), HEADER)).by_id("explain-tenant").attributes
    assert (field["data-header"], field["data-usual"]) == ("THANOS-TENANT", "nobody")
    assert "name" not in field, "it is a header, or nothing"
    assert "tenant" not in forms.explain(bad_day(), forms.NO_HEADER)
