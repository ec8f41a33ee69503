"""What is said of addresses, tiers and stores."""

from __future__ import annotations

import dataclasses

import pytest

from proxy.status import behind
from proxy.status.snapshot import Address, Snapshot, StoreState, TierState
from tests.status.days import bad_day
from tests.status.reading import Document, read

EMPTY = Snapshot(1_000, 1)


def marks(document: Document) -> list[str]:
    return [row.get("class", "") for row in document.all("tr") if "data-key" in row]


def test_addresses_that_get_no_work_are_marked() -> None:
    document = read(behind.addresses(bad_day()))
    assert marks(document) == ["", "warned", "bad"]
    assert "■ given no work" in document.text
    assert "connection refused" in document.text
    assert not document.faults


@pytest.mark.parametrize(
    ("skew_ms", "told"),
    [(None, "\u2013"), (12, "right"), (-4_200, "4.2 s behind"), (90_000, "1 min 30 s ahead")],
)
def test_a_clock_that_is_wrong_is_told(skew_ms: int | None, told: str) -> None:
    snapshot = dataclasses.replace(EMPTY, addresses=(Address("a", "closed", 0, skew_ms=skew_ms),))
    assert read(behind.addresses(snapshot)).all("td")
    assert told in read(behind.addresses(snapshot)).texts


def test_tiers_are_marked_by_how_much_they_are_left_alone() -> None:
    assert marks(read(behind.tiers(bad_day()))) == ["", "warned", "bad"]


def test_a_state_that_is_not_known_is_shown_as_it_is() -> None:
    snapshot = dataclasses.replace(
        EMPTY, tiers=(TierState("t", "<odd>"),), addresses=(Address("a", "<odd>", 0),)
    )
    for show in (behind.tiers, behind.addresses):
        document = read(show(snapshot))
        assert " <odd>" in document.text
        assert not document.faults


def test_a_store_that_is_down_says_what_is_in_doubt() -> None:
    document = read(behind.stores(bad_day()))
    assert marks(document) == ["", "", "bad", ""]
    assert "all that reads 29 Jun to 2 Jul 2026" in document.text


def test_bounds_that_are_none_are_told_in_words() -> None:
    open_ended = StoreState("sidecar", "a", -(1 << 63), (1 << 63) - 1, is_healthy=True)
    texts = read(behind.stores(dataclasses.replace(EMPTY, stores=(open_ended,)))).texts
    assert "the beginning" in texts
    assert "now" in texts


@pytest.mark.parametrize("show", [behind.addresses, behind.tiers, behind.stores])
def test_where_there_is_nothing_a_sentence_says_so(show: object) -> None:
    assert callable(show)
    document = read(show(EMPTY))
    assert [element.tag for element in document.elements] == ["p"]


def test_names_that_cannot_be_looked_up_are_told() -> None:
    assert "Cannot be looked up: dnssrv+_http._tcp" in read(behind.addresses(bad_day())).text
    many = dataclasses.replace(EMPTY, unfound_names=tuple(f"<{number}>" for number in range(12)))
    assert "<9> and 2 more" in read(behind.addresses(many)).text


def test_stores_that_were_not_heard_of_for_long_are_old_news() -> None:
    assert "what Thanos said 5 min ago" in read(behind.stores(bad_day())).text
    fresh = dataclasses.replace(bad_day(), stores_age_ms=4_000)
    assert "ago" not in read(behind.stores(fresh)).text


def test_rows_beyond_a_bound_are_counted() -> None:
    many = tuple(Address(f"http://{number}", "closed", 0) for number in range(130))
    assert (
        "and 30 more addresses"
        in read(behind.addresses(dataclasses.replace(EMPTY, addresses=many))).text
    )
