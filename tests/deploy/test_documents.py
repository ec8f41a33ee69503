"""The two documents about deploying name flags, commands and files that there are."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from proxy.config import load_settings
from proxy.idle_flags import WITHOUT_EFFECT
from proxy.load.options import parse_options
from proxy.settings import rows
from tests.deploy.manifests import DEPLOY

if TYPE_CHECKING:
    from pathlib import Path

DOCS = DEPLOY.parent / "docs"
PAGES = [DOCS / "deployment.md", DOCS / "from-query-frontend.md"]

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def commands(page: Path, program: str) -> list[list[str]]:
    """The arguments of every call of a program in the page's shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    words = [shlex.split(line, comments=True) for line in lines if line.startswith(f"{program} ")]
    return [given[1:] for given in words]


@pages
def test_every_flag_in_the_text_is_one_of_thanoxy_s(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    named = set(re.findall(r"`--([a-z][a-z.-]+[a-z])[`=]", text))
    assert named
    others = {"no-healthcheck"}  # Docker's
    assert named - others - {row["flag"] for row in rows()} - set(WITHOUT_EFFECT) == set()


@pages
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert targets
    assert [one for one in targets if not (page.parent / one).exists()] == []


def test_the_command_that_takes_query_frontend_s_place_starts() -> None:
    (given,) = commands(DOCS / "from-query-frontend.md", "thanoxy")
    settings, idle = load_settings(given, {})
    assert idle == []
    assert settings.split_interval_ms == 12 * 3_600_000


def test_it_has_the_flags_of_the_one_before() -> None:
    ((_, *before),) = commands(DOCS / "from-query-frontend.md", "thanos")
    (after,) = commands(DOCS / "from-query-frontend.md", "thanoxy")

    def names(given: list[str]) -> list[str]:
        return [one.partition("=")[0] for one in given]

    assert names(before) == names(after)


def test_the_comparisons_are_ones_that_thanoxy_load_takes() -> None:
    found = commands(DOCS / "from-query-frontend.md", "thanoxy-load")
    assert len(found) == 2
    for given in found:
        assert len(parse_options(given).targets) == 2


def test_every_folder_that_is_described_is_there() -> None:
    folders = re.findall(r"(?m)^\| `deploy/([^`]+)/` \|", PAGES[0].read_text("utf-8"))
    assert folders == ["kubernetes", "helm/thanoxy", "istio", "monitoring"]
    assert all((DEPLOY / folder).is_dir() for folder in folders)
