"""`docs/known-bugs.md` names tests: they exist, and no line is without a test or a reason."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
TEXT = (TESTS.parent / "docs" / "known-bugs.md").read_text("utf-8")
ROWS = re.findall(r"(?m)^\| ([A-Z]+)(\d+) \| (.+) \| (.+) \|$", TEXT)
HOW_MANY = {
    "A": 14, "B": 10, "C": 17, "D": 11, "E": 13, "F": 9, "G": 10, "H": 15, "I": 8, "J": 14, "K": 9,
    "TA": 25, "TB": 17, "TC": 25,
}  # fmt: skip
"""Kinds of bug, and how many of each are known."""


def functions_in(file: Path) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        node.name for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, kinds)
    }


@pytest.mark.parametrize("kind", HOW_MANY)
def test_every_known_bug_has_its_line(kind: str) -> None:
    numbers = [int(number) for letters, number, _, _ in ROWS if letters == kind]
    assert numbers == list(range(1, HOW_MANY[kind] + 1))


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`([a-z_/]+)::(test_\w+)`", TEXT)
    assert len(named) > 100
    missing = []
    for path, name in dict.fromkeys(named):
        file = TESTS / f"{path}.py"
        if not file.exists() or name not in functions_in(file):
            missing.append(f"{path}::{name}")
    assert not missing


def test_a_line_without_a_test_has_a_reason() -> None:
    for kind, number, _, here in ROWS:
        assert "::test_" in here or len(here.split()) > 1, f"{kind}{number}"
