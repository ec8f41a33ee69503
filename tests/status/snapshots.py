"""Short ways to write snapshots, and to see what rules find in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.status.snapshot import Address, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proxy.status.snapshot import Finding

NOW_MS = 1_700_000_000_000


def snapshot(at_ms: int = NOW_MS, **parts: Any) -> Snapshot:
    return Snapshot(at_ms, 7, **parts)


def address(name: str, state: str = "closed", **more: Any) -> Address:
    return Address(f"http://{name}", state, 0, **more)


def faults(rule: Callable[[Snapshot], Iterator[Finding]], **parts: Any) -> list[str]:
    """The names of what a rule finds."""
    return [finding.fault for finding in rule(snapshot(**parts))]


def only(rule: Callable[[Snapshot], Iterator[Finding]], **parts: Any) -> Finding:
    """The one thing that a rule finds."""
    (finding,) = rule(snapshot(**parts))
    return finding
