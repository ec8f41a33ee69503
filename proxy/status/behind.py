"""The parts of the page that are about what stands behind: addresses, tiers, Thanos's stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.status import figures
from proxy.status.html import Markup, clip, join, tag, typed
from proxy.status.tables import Cell, Column, Row, note, state, table

if TYPE_CHECKING:
    from proxy.status.snapshot import Address, Snapshot, StoreState, TierState

_MOST_ROWS = 100
_MOST_NAMES = 10
_MUCH_SKEW_MS = 1000
_OLD_MS = 120_000
_ADDRESS_STATES = {
    "closed": ("working", "good"),
    "half_open": ("on trial", "warned"),
    "open": ("given no work", "bad"),
}


def addresses(snapshot: Snapshot) -> Markup:
    if not snapshot.addresses:
        none = note("No address of the upstream is known: look at --query-frontend.downstream-url.")
        return join(none, _unfound(snapshot))
    columns = (
        Column("Address"),
        Column("State"),
        Column("In flight", is_number=True),
        Column("Latency", is_number=True),
        Column("Slowness", is_number=True),
        Column("Clock", is_number=True),
        Column("Failures", is_number=True),
        Column("Last error", can_sort=False),
    )
    rows = [_address(address) for address in snapshot.addresses[:_MOST_ROWS]]
    return join(
        table("addresses", "Addresses of the upstream", columns, rows),
        _unfound(snapshot),
        _left(len(snapshot.addresses), "addresses"),
    )


def _unfound(snapshot: Snapshot) -> Markup | None:
    """Names of the upstream that DNS does not know now."""
    names = snapshot.unfound_names[:_MOST_NAMES]
    if not names:
        return None
    told = [join(", " if place else "", typed(name, 80)) for place, name in enumerate(names)]
    more = f" and {len(snapshot.unfound_names) - len(names)} more"
    rest = more if len(snapshot.unfound_names) > len(names) else ""
    return tag("p", "Cannot be looked up: ", *told, rest, class_="note")


def _address(address: Address) -> Row:
    word, tone = _ADDRESS_STATES.get(address.state, (clip(address.state, 40), "idle"))
    skew = figures.NOTHING if address.skew_ms is None else _ahead(address.skew_ms)
    return Row(
        address.url,
        (
            Cell(typed(address.url)),
            Cell(state(word, tone)),
            Cell(figures.number(address.in_flight), address.in_flight),
            Cell(figures.duration(address.latency_ms), address.latency_ms),
            Cell(f"{figures.TIMES} {figures.number(address.slowness)}", address.slowness),
            Cell(skew, address.skew_ms),
            Cell(figures.number(address.failures), address.failures),
            Cell(typed(address.last_error)),
        ),
        mark=tone if tone != "good" else "",
    )


def _ahead(skew_ms: int) -> str:
    if abs(skew_ms) < _MUCH_SKEW_MS:
        return "right"
    return f"{figures.duration(abs(skew_ms))} {'ahead' if skew_ms > 0 else 'behind'}"


def tiers(snapshot: Snapshot) -> Markup:
    if not snapshot.tiers:
        return note("Nothing is kept beyond this process's memory.")
    columns = (
        Column("Tier"),
        Column("State"),
        Column("Hits /s", is_number=True),
        Column("Failed /s", is_number=True),
        Column("Skipped /s", is_number=True),
        Column("Writes dropped /s", is_number=True),
        Column("To be written", is_number=True),
    )
    rows = [_tier(tier) for tier in snapshot.tiers]
    return table("tiers", "Cache tiers beyond memory", columns, rows)


def _tier(tier: TierState) -> Row:
    tone = {"working": "good", "left alone": "bad"}.get(tier.state, "warned")
    counted = (tier.hits_per_s, tier.failed_per_s, tier.skipped_per_s, tier.dropped_per_s)
    return Row(
        tier.name,
        (
            Cell(typed(tier.name)),
            Cell(state(clip(tier.state, 40), tone)),
            *(Cell(figures.number(value), value) for value in counted),
            Cell(figures.data(tier.queue_bytes), tier.queue_bytes),
        ),
        mark=tone if tone != "good" else "",
    )


def stores(snapshot: Snapshot) -> Markup:
    if not snapshot.stores:
        return note("Thanos's stores are not known (yet): they are read from /api/v1/stores.")
    columns = (
        Column("Store"),
        Column("Kind"),
        Column("State"),
        Column("Has data from"),
        Column("to"),
        Column("Answers in doubt without it", can_sort=False),
        Column("Last error", can_sort=False),
    )
    rows = [_store(store) for store in snapshot.stores[:_MOST_ROWS]]
    return join(
        table("stores", "Stores of Thanos", columns, rows),
        _left(len(snapshot.stores), "stores"),
        _age(snapshot.stores_age_ms),
    )


def _age(age_ms: int | None) -> Markup | None:
    """For how long nobody could look."""
    if age_ms is None or age_ms < _OLD_MS:
        return None
    return note(f"This is what Thanos said {figures.duration(age_ms)} ago; it was not heard since.")


def _store(store: StoreState) -> Row:
    is_well = store.is_healthy
    return Row(
        f"{store.kind} {store.address}",
        (
            Cell(typed(store.address)),
            Cell(typed(store.kind)),
            Cell(state("up", "good") if is_well else state("down", "bad")),
            Cell(_bound(store.min_ms, "the beginning"), store.min_ms),
            Cell(_bound(store.max_ms, "now"), store.max_ms),
            Cell(typed(store.hole)),
            Cell(typed(store.last_error)),
        ),
        mark="" if is_well else "bad",
    )


def _bound(at_ms: int | None, otherwise: str) -> Markup:
    """Stores that have no bound send the least or the largest number there is."""
    if at_ms is None:
        return tag("span", figures.NOTHING, class_="none")
    text = figures.moment(at_ms)
    if text == figures.NOTHING:
        return tag("span", otherwise, class_="none")
    return tag("time", text, datetime=figures.iso(at_ms))


def _left(number: int, what: str) -> Markup | None:
    return note(f"and {number - _MOST_ROWS:,} more {what}") if number > _MOST_ROWS else None
