"""What the sections say of this process."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from proxy.status import sections
from proxy.status.snapshot import CacheState, Queue, Snapshot, TenantLoad
from tests.status.days import bad_day, good_day
from tests.status.reading import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.status.html import Markup

EMPTY = Snapshot(1_000, 1)
ALL = [
    sections.rates,
    sections.queue,
    sections.memory,
    sections.cache,
    sections.loop,
    sections.tenants,
    sections.files,
]


@pytest.mark.parametrize("show", ALL)
@pytest.mark.parametrize("snapshot", [EMPTY, bad_day(), good_day()], ids=["empty", "bad", "good"])
def test_every_section_can_be_shown(show: Callable[[Snapshot], Markup], snapshot: Snapshot) -> None:
    document = read(show(snapshot))
    assert not document.faults
    assert document.text


def test_rates_have_a_curve_each_that_is_told_in_words() -> None:
    labels = [svg["aria-label"] for svg in read(sections.rates(bad_day())).all("svg")]
    assert len(labels) == 6
    assert labels[0] == "requests, the last five minutes: now 97.4 /s, at most 112"
    assert labels[2] == "99th percentile, the last five minutes: now 1.2 s, at most 1.1 s"


def test_who_waits_for_memory_waits_too() -> None:
    assert "waiting14" in read(sections.rates(bad_day())).text, "12 at the gate and 2 for memory"


@pytest.mark.parametrize(("running", "tone"), [(7, ""), (12, "warned"), (14, "bad")])
def test_a_gate_that_is_nearly_full_is_marked(running: int, tone: str) -> None:
    queue = Queue(running=running, most=14)
    document = read(sections.queue(dataclasses.replace(EMPTY, queue=queue)))
    assert document.all("rect")[1]["class"] == f"filled {tone}".strip()
    assert document.all("svg")[0]["aria-label"] == f"{running} of 14 running"


def test_a_full_cache_is_no_trouble_by_itself() -> None:
    full = dataclasses.replace(EMPTY, cache=CacheState(held_bytes=10, most_bytes=10))
    assert read(sections.cache(full)).all("rect")[1]["class"] == "filled"


def test_tenants_beyond_a_bound_are_counted() -> None:
    loads = tuple(TenantLoad(f"tenant-{number}", 1, 0) for number in range(70))
    document = read(sections.tenants(dataclasses.replace(EMPTY, queue=Queue(tenants=loads))))
    assert "tenant-49" in document.text
    assert "tenant-50" not in document.text
    assert "and 20 more tenants" in document.text


def test_a_file_that_was_not_taken_over_says_why() -> None:
    text = read(sections.files(bad_day())).text
    assert "limits■ not taken overline 12" in text
