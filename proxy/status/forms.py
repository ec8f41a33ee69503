"""The parts of the page that are asked for: a group, a plan, what the cache covers.

They are not live, so that nobody's typing is lost. Without JavaScript the forms lead to the answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.status.html import Markup, join, tag
from proxy.status.past import GROUP_NAMES
from proxy.status.queries import COVERAGE, EXPLAIN

if TYPE_CHECKING:
    from proxy.status.snapshot import Snapshot

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_STEP = "1m"


@dataclass(frozen=True, slots=True)
class TenantHeader:
    """The header that names a tenant; "" where none does. usual: who has not sent it."""

    name: str = ""
    usual: str = ""


NO_HEADER = TenantHeader()


def group_choice() -> Markup:
    """Which of the tables is seen, by the style sheet alone."""
    choices = [
        tag(
            "label",
            tag("input", type="radio", name="by", id=f"by-{name}", checked=name == "query"),
            tag("span", name),
        )
        for name in GROUP_NAMES
    ]
    return tag("fieldset", tag("legend", "by"), *choices, class_="choice")


def explain(snapshot: Snapshot, tenants: TenantHeader) -> Markup:
    fields = join(
        _expr("explain"),
        _field("explain", "start", _seconds(snapshot.at_ms - _DAY_MS)),
        _field("explain", "end", _seconds(snapshot.at_ms)),
        _field("explain", "step", _STEP),
        _tenant("explain", tenants),
        tag("button", "Explain", type="submit"),
    )
    return tag(
        "section",
        tag("h2", "Explain", id="explain-title"),
        tag("p", "How a range query would be answered, without asking for it.", class_="lead"),
        tag("form", fields, method="get", action=EXPLAIN, class_="asking", id="explain-form"),
        tag("pre", id="explain-answer", hidden=True, tabindex=0, aria_label="The plan", role="region"),
        tag("p", id="explain-said", role="status", class_="note"),
        id="explain",
        class_="panel whole",
        aria_labelledby="explain-title",
    )


def coverage(snapshot: Snapshot, tenants: TenantHeader) -> Markup:
    fields = join(
        _expr("coverage"),
        _field("coverage", "start", _seconds(snapshot.at_ms - _DAY_MS)),
        _field("coverage", "end", _seconds(snapshot.at_ms)),
        _tenant("coverage", tenants),
        tag("button", "Show", type="submit"),
    )
    return tag(
        "section",
        tag("h2", "What the cache covers", id="coverage-title"),
        tag("p", "Which steps of a query are kept, by time, step and caller.", class_="lead"),
        tag("form", fields, method="get", action=COVERAGE, class_="asking", id="coverage-form"),
        tag("div", id="coverage-answer", hidden=True),
        tag("p", id="coverage-said", role="status", class_="note"),
        id="coverage",
        class_="panel whole",
        aria_labelledby="coverage-title",
    )


def _seconds(at_ms: int) -> str:
    return str(at_ms // 1000)


def _expr(form: str) -> Markup:
    name = f"{form}-query"
    area = tag(
        "textarea", id=name, name="query", rows=2, required=True, spellcheck="false", autocomplete="off"
    )
    return tag("p", tag("label", "PromQL", for_=name), area, class_="long")


def _field(form: str, name: str, value: str) -> Markup:
    key = f"{form}-{name}"
    return tag(
        "p",
        tag("label", name, for_=key),
        tag("input", type="text", id=key, name=name, value=value, required=True, autocomplete="off"),
    )


def _tenant(form: str, tenants: TenantHeader) -> Markup | None:
    """In whose name. It has no name of its own: only a script can send it, as a header."""
    if not tenants.name:
        return None
    key = f"{form}-tenant"
    field = tag(
        "input",
        type="text",
        id=key,
        data_header=tenants.name,
        data_usual=tenants.usual,
        placeholder=tenants.usual,
        autocomplete="off",
    )
    return tag("p", tag("label", "tenant", for_=key), field, class_="tenant", hidden=True)
