"""What is explained, and what is covered, as JSON of the usual form."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from proxy.plan.coverage import Coverage
    from proxy.plan.explain import Explained


def explained_json(explained: Explained) -> bytes:
    """The facts by their own names, and what would happen as `outcome`."""
    facts = {field.name: getattr(explained, field.name) for field in dataclasses.fields(explained)}
    return _success({"outcome": explained.outcome, **facts})


def coverage_json(coverage: Coverage) -> bytes:
    return _success(coverage)


def _success(data: object) -> bytes:
    return orjson.dumps({"status": "success", "data": data})
