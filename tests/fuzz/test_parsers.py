"""Some thousand disturbed texts for each parser; more of them: `python -m tests.fuzz.parsers`."""

from __future__ import annotations

import pytest

from tests.fuzz.parsers import TARGETS, fuzz

ROUNDS = 1_000


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_reads_a_text_or_raises_what_it_says(name: str) -> None:
    found = fuzz(ROUNDS, seed=11, names=(name,))
    assert not found["wrong"]
    assert found["outcomes"][name]["read"] > ROUNDS // 100, "some are well-formed"
    assert found["slowest_ms"][name] < 2_000
