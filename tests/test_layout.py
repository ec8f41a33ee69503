"""The budgets that keep the code readable, and a test file for every module."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PROXY = ROOT / "proxy"

MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_NESTING = 3
MAX_ARGUMENTS = 6

GENERATED = PROXY / "codec" / "_pb"
MODULES = sorted(path for path in PROXY.rglob("*.py") if GENERATED not in path.parents)

WITHOUT_A_TEST_FILE: dict[str, str] = {
    "engine/ports.py": "Protocols only: no line of it runs",
    **{
        f"settings/{name}.py": "rows of the table, which test_settings judges as a whole"
        for name in (
            "row",
            "http",
            "upstream",
            "queries",
            "cache",
            "access",
            "reads",
            "limits",
            "signals",
        )
    },
}
"""Modules that need none, each with the reason."""

Function = ast.FunctionDef | ast.AsyncFunctionDef

BLOCKS = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
)


def functions(path: Path) -> Iterator[Function]:
    tree = ast.parse(path.read_text("utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def line_count(function: Function) -> int:
    """Lines from `def` on, the docstring left out: explaining more must not cost anything."""
    first = function.body[0]
    docstring_lines = 0
    if ast.get_docstring(function, clean=False) is not None:
        docstring_lines = (first.end_lineno or first.lineno) - first.lineno + 1
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring_lines


def nesting(node: ast.AST) -> int:
    """How deep blocks stand in one another; neither `elif` nor an inner function is deeper."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            continue
        is_elif = isinstance(node, ast.If) and node.orelse == [child] and isinstance(child, ast.If)
        own = int(isinstance(child, BLOCKS) and not is_elif)
        deepest = max(deepest, own + nesting(child))
    return deepest


def argument_count(function: Function) -> int:
    """Named arguments without `self` and `cls`."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return len(named) - sum(argument.arg in {"self", "cls"} for argument in named[:1])


def name(path: Path) -> str:
    return path.relative_to(PROXY).as_posix()


def wanted_test_file(path: Path) -> Path:
    inside = path.relative_to(PROXY)
    return ROOT / "tests" / inside.parent / f"test_{inside.name}"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_fits_its_budgets(path: Path) -> None:
    found = []
    lines = len(path.read_text("utf-8").splitlines())
    if lines > MAX_MODULE_LINES:
        found.append(f"{name(path)}: {lines} lines")
    for function in functions(path):
        sizes = {
            "lines": (line_count(function), MAX_FUNCTION_LINES),
            "levels of nesting": (nesting(function), MAX_NESTING),
            "arguments": (argument_count(function), MAX_ARGUMENTS),
        }
        found += [
            f"{name(path)}:{function.lineno} {function.name}: {size} {what}, at most {limit}"
            for what, (size, limit) in sizes.items()
            if size > limit
        ]
    assert not found, "\n".join(found)


def test_every_module_has_its_test_file() -> None:
    missing = [
        f"{name(path)}: no {wanted_test_file(path).relative_to(ROOT)}"
        for path in MODULES
        if path.name not in {"__init__.py", "__main__.py"}
        and name(path) not in WITHOUT_A_TEST_FILE
        and not wanted_test_file(path).exists()
    ]
    assert not missing, "\n".join(missing)


def test_the_list_of_exceptions_is_not_out_of_date() -> None:
    modules = {name(path): path for path in MODULES}
    stale = [
        exempt
        for exempt in WITHOUT_A_TEST_FILE
        if exempt not in modules or wanted_test_file(modules[exempt]).exists()
    ]
    assert not stale


def test_a_folder_of_python_files_is_a_package() -> None:
    folders = {path.parent for path in MODULES}
    assert not [name(folder) for folder in folders if not (folder / "__init__.py").exists()]


@pytest.mark.parametrize("level", ["run", "test", "check", "build", "lock"])
def test_requirements_are_pinned_hashed_and_name_no_address(level: str) -> None:
    text = (ROOT / "requirements" / f"{level}.txt").read_text("utf-8")
    code = re.sub(r"\s*#.*", "", text).replace("\\\n", " ")
    entries = [line for line in code.splitlines() if line.strip()]
    assert entries
    for entry in entries:
        assert re.fullmatch(r"[a-z0-9.-]+==\S+(\s+--hash=sha256:[0-9a-f]{64})+\s*", entry)
    assert not re.search(r"://|--index|--find-links|--trusted", text)


@pytest.mark.parametrize(
    ("larger", "smaller"), [("test", "run"), ("check", "test"), ("check", "build")]
)
def test_what_is_tested_and_checked_is_what_runs(larger: str, smaller: str) -> None:
    def pins(level: str) -> set[str]:
        text = (ROOT / "requirements" / f"{level}.txt").read_text("utf-8")
        return set(re.findall(r"(?m)^\S+==\S+", text))

    assert pins(smaller) <= pins(larger)
