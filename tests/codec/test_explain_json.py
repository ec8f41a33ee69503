"""Facts as JSON: by their own names, in the usual envelope."""

from __future__ import annotations

import dataclasses

import orjson

from proxy.codec.explain_json import coverage_json, explained_json
from proxy.plan.coverage import Coverage, CoverageRow, CoveredRun
from proxy.plan.explain import Explained, HeldRun, Reading, Window

READING = Reading("query_range", 'a{x="ü\n"}', "team", 1_000, "--query.timeout", start_ms=5)


def test_an_explained_query_has_all_facts_and_the_outcome() -> None:
    run = HeldRun(0, 60_000, 2, 5, -1, "confirmed", 0, "expired")
    one = Explained(READING, Window(0, 60_000, 60_000, 0, 2, is_moved=False), held=(run,), requests=1)
    answer = orjson.loads(explained_json(one))
    assert answer["status"] == "success"
    data = answer["data"]
    assert data["outcome"] == one.outcome
    assert data["reading"] == {**dataclasses.asdict(READING), "parameters": []}
    assert data["held"] == [dataclasses.asdict(run)]
    assert data["refusal"] is None
    assert data.keys() == {"outcome", *(field.name for field in dataclasses.fields(Explained))}


def test_coverage_is_rows_of_runs() -> None:
    run = CoveredRun(0, 60_000, 7, "serves")
    row = CoverageRow(60_000, 0, "thanos-tenant 0a", True, (("dedup", "false"),), (run,))
    answer = orjson.loads(coverage_json(Coverage(0, 9, "a", rows=(row,), rows_left_out=3)))
    assert answer["data"] == {
        "start_ms": 0,
        "end_ms": 9,
        "expression": "a",
        "whole": "",
        "rows": [
            {
                "step_ms": 60_000,
                "phase_ms": 0,
                "caller": "thanos-tenant 0a",
                "is_own": True,
                "parameters": [["dedup", "false"]],
                "runs": [{"from_ms": 0, "to_ms": 60_000, "expires_in_ms": 7, "state": "serves"}],
            }
        ],
        "rows_left_out": 3,
        "runs_left_out": 0,
    }
