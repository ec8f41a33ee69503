"""The whole page out of a snapshot; the live parts of it are also sent by themselves.

The page is complete without JavaScript and then loads itself anew. With it, `events` sends the live
parts that have changed, and `page.js` puts them where they belong.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from proxy.status import behind, figures, forms, past, queries, sections
from proxy.status.forms import NO_HEADER, TenantHeader
from proxy.status.html import Markup, clip, join, tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from proxy.status.snapshot import Finding, Snapshot

ALL_WELL = "All well"
_MOST_FINDINGS = 20
_MOST_SENTENCE = 400


@dataclass(frozen=True, slots=True)
class PageOptions:
    """What settings decide. is_admin: whether queries can be cancelled."""

    is_admin: bool = False
    tenants: TenantHeader = NO_HEADER


@dataclass(frozen=True, slots=True)
class Section:
    """A live part with a heading. short: its name among the links. width: see style.css."""

    name: str
    short: str
    title: str
    show: Callable[[Snapshot], Markup]
    width: str = "whole"


def _sections(can_cancel: bool) -> tuple[Section, ...]:
    return (
        Section("rates", "Rates", "Rates", sections.rates),
        Section(
            "queries", "Queries", "Running queries", partial(queries.running, can_cancel=can_cancel)
        ),
        Section("addresses", "Upstream", "Upstream", behind.addresses),
        Section("queue", "Queue", "Queue", sections.queue, "quarter"),
        Section("memory", "Memory", "Memory in flight", sections.memory, "quarter"),
        Section("cache", "Cache", "Cache", sections.cache, "quarter"),
        Section("loop", "Loop", "Event loop", sections.loop, "quarter"),
        Section("tenants", "Tenants", "Tenants", sections.tenants, "half"),
        Section("files", "Files", "Files", sections.files, "half"),
        Section("tiers", "Tiers", "Cache tiers", behind.tiers),
        Section("stores", "Stores", "Stores of Thanos", behind.stores),
        Section("failing", "Failing", "Failing queries", past.failing),
    )


ANCHORS = frozenset(section.name for section in _sections(can_cancel=False)) | {"slowest"}
"""What findings can lead to."""


def live_parts(
    snapshot: Snapshot, can_cancel: bool, lists: Callable[[Snapshot], Markup] = past.recent
) -> dict[str, Markup]:
    """Each live part by the id of its element. lists: makes the longest of them."""
    marked = Counter(_anchor(finding) for finding in snapshot.findings)
    critical = {_anchor(finding) for finding in snapshot.findings if finding.is_critical}
    shown = _sections(can_cancel)
    parts = {
        "headline": _headline(snapshot),
        "advice": _advice(snapshot),
        "vitals": _vitals(snapshot),
        "findings": _findings(snapshot),
        "contents": _contents(shown, marked, critical),
    }
    for section in shown:
        tone = "critical" if section.name in critical else "marked" if marked[section.name] else ""
        parts[section.name] = _section(section, section.show(snapshot), tone)
    parts["lists"] = tag("div", lists(snapshot), id="lists")
    return parts


def whole_page(snapshot: Snapshot, options: PageOptions) -> bytes:
    """The HTML, encoded."""
    parts = live_parts(snapshot, options.is_admin)
    asking = (forms.explain(snapshot, options.tenants), forms.coverage(snapshot, options.tenants))
    body = tag("body", *_body(parts, asking))
    page = f"<!DOCTYPE html>\n{tag('html', _head(snapshot), body, lang='en')}\n"
    return page.encode("utf-8", "replace")


def _head(snapshot: Snapshot) -> Markup:
    worst = _sentence(snapshot.findings[0]) if snapshot.findings else ALL_WELL
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("title", f"{clip(worst, 80)} {figures.NOTHING} thanoxy"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="stylesheet", href="status/style.css"),
        tag("link", rel="icon", href="status/icon.svg", type="image/svg+xml"),
        tag("noscript", tag("meta", http_equiv="refresh", content="5")),
        tag("script", src="status/page.js", defer=True),
        tag("script", src="status/coverage.js", defer=True),
    )


def _body(parts: Mapping[str, Markup], asking: Iterable[Markup]) -> tuple[Markup, ...]:
    live = tag("span", "loads itself anew every 5 s", id="live", role="status")
    top = tag(
        "header",
        tag("div", parts["headline"], id="first-line", aria_live="polite", aria_atomic="true"),
        parts["advice"],
        tag("p", parts["vitals"], " · ", live, class_="about"),
        class_="top",
    )
    recent = tag(
        "section",
        tag("h2", "Slowest and costliest", id="slowest-title"),
        forms.group_choice(),
        parts["lists"],
        id="slowest",
        class_="panel whole",
        aria_labelledby="slowest-title",
    )
    panels = [parts[section.name] for section in _sections(can_cancel=False)]
    return (
        tag("a", "Skip to the figures", href="#main", class_="skip"),
        top,
        parts["contents"],
        tag("main", parts["findings"], *panels, recent, *asking, id="main", tabindex=-1),
        tag(
            "footer",
            tag("a", "Thanos's own pages", href="graph"),
            tag("a", "This page as JSON", href="status.json"),
            tag("a", "Metrics", href="metrics"),
        ),
    )


def _headline(snapshot: Snapshot) -> Markup:
    """One sentence. It is read aloud when it changes, so nothing in it counts."""
    if not snapshot.findings:
        return tag("h1", tag("span", ALL_WELL), id="headline", class_="well")
    worst = snapshot.findings[0]
    link = tag("a", tag("bdi", _sentence(worst)), href=f"#{_anchor(worst)}")
    return tag("h1", link, id="headline", class_="critical" if worst.is_critical else "warned")


def _sentence(finding: Finding) -> str:
    return clip(finding.text, _MOST_SENTENCE)


def _anchor(finding: Finding) -> str:
    return finding.anchor if finding.anchor in ANCHORS else "rates"


def _vitals(snapshot: Snapshot) -> Markup:
    since_ms = snapshot.at_ms - snapshot.started_ms if snapshot.started_ms else None
    workers = f"{snapshot.workers} workers" if snapshot.workers > 1 else f"process {snapshot.pid}"
    words = (
        f"thanoxy {clip(snapshot.version, 40)}".strip(),
        workers,
        f"up {figures.duration(since_ms)}",
        "leaving: what runs may finish" if snapshot.is_leaving else None,
    )
    told = " · ".join(word for word in words if word)
    at = tag("time", figures.clock(snapshot.at_ms), datetime=figures.iso(snapshot.at_ms))
    return tag("span", told, " · ", at, " UTC", id="vitals")


def _advice(snapshot: Snapshot) -> Markup:
    """What belongs to the headline, and changes too often to be read aloud."""
    if not snapshot.findings:
        return tag("p", id="advice")
    worst = snapshot.findings[0]
    since = tag("span", f" ({_since(worst, snapshot.at_ms)})", class_="since")
    return tag("p", tag("bdi", clip(worst.advice, _MOST_SENTENCE)), since, id="advice")


def _findings(snapshot: Snapshot) -> Markup:
    """All but the worst, which is the headline."""
    found = snapshot.findings[1 : _MOST_FINDINGS + 1]
    left = len(snapshot.findings) - len(found) - 1
    items = [_finding(finding, snapshot.at_ms) for finding in found]
    return tag(
        "section",
        tag("h2", "What else is wrong", id="findings-title", class_="unseen"),
        tag("ol", *items) if items else tag("p", "Nothing else is wrong.", class_="unseen"),
        tag("p", f"and {left:,} more", class_="note") if left > 0 else None,
        id="findings",
        aria_labelledby="findings-title",
    )


def _finding(finding: Finding, now_ms: int) -> Markup:
    tone = "critical" if finding.is_critical else "warned"
    return tag(
        "li",
        tag("a", tag("bdi", _sentence(finding)), href=f"#{_anchor(finding)}"),
        tag("span", _since(finding, now_ms), class_="since"),
        tag("p", tag("bdi", clip(finding.advice, _MOST_SENTENCE)), class_="advice"),
        class_=tone,
        data_key=clip(f"{finding.fault} {finding.subject}", 120),
    )


def _since(finding: Finding, now_ms: int) -> str:
    kind = "critical" if finding.is_critical else "warning"
    return f"{kind} for {figures.duration(now_ms - finding.since_ms)}" if finding.since_ms else kind


def _contents(shown: tuple[Section, ...], marked: Counter[str], critical: set[str]) -> Markup:
    """Links to the sections; those in which something is wrong are marked."""
    links = [
        tag(
            "li",
            tag("a", section.short, _badge(section.name, marked, critical), href=f"#{section.name}"),
        )
        for section in shown
    ]
    more = [
        tag("li", tag("a", title, _badge(name, marked, critical), href=f"#{name}"))
        for name, title in (("slowest", "Slowest"), ("explain", "Explain"), ("coverage", "Coverage"))
    ]
    return tag("nav", tag("ul", *links, *more), id="contents", aria_label="Sections")


def _badge(name: str, marked: Counter[str], critical: set[str]) -> Markup | None:
    if not marked[name]:
        return None
    tone = "critical" if name in critical else "warned"
    told = tag("span", " wrong here", class_="unseen")
    return tag("span", str(marked[name]), told, class_=f"badge {tone}")


def _section(section: Section, content: Markup, tone: str) -> Markup:
    title = f"{section.name}-title"
    heading = tag("h2", section.title, id=title)
    kind = f"panel {section.width} {tone}".strip()
    return tag("section", join(heading, content), id=section.name, class_=kind, aria_labelledby=title)
