"""The page's files are sent once and asked about after that."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import aiohttp
import pytest

from proxy.status.page import PageOptions, whole_page
from proxy.status.ui_files import ui_files
from tests.status.days import bad_day
from tests.status.reading import read
from tests.status.serving import status_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.status.serving import StatusServer

ADMIN = PageOptions(is_admin=True)


@pytest.fixture
async def server() -> AsyncIterator[StatusServer]:
    async with status_server() as started:
        yield started


@pytest.mark.parametrize("name", ui_files())
async def test_a_file_comes_with_its_type_and_a_tag(server: StatusServer, name: str) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{server.url}status/{name}") as answer:
            assert answer.status == 200
            assert answer.content_type == ui_files()[name].content_type.partition(";")[0]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert await answer.read() == ui_files()[name].body
            tag = answer.headers["ETag"]
        async with session.get(answer.url, headers={"If-None-Match": f'"x", W/{tag}'}) as again:
            assert again.status == 304
            assert await again.read() == b""
        async with session.get(answer.url, headers={"If-None-Match": '"other"'}) as changed:
            assert changed.status == 200


def test_the_page_asks_for_files_that_are_there() -> None:
    document = read(whole_page(bad_day(), ADMIN))
    asked = [script["src"] for script in document.all("script")]
    asked += [link["href"] for link in document.all("link")]
    assert {name.removeprefix("status/") for name in asked} == set(ui_files())


def test_no_file_asks_for_anything_elsewhere() -> None:
    for name, file in ui_files().items():
        addresses = set(re.findall(r"https?://[^\s\"')]+", file.body.decode()))
        assert addresses <= {"http://www.w3.org/2000/svg"}, name


def test_every_class_that_is_used_has_a_style() -> None:
    document = read(whole_page(bad_day(), ADMIN))
    used = {name for e in document.elements for name in e.attributes.get("class", "").split()}
    styled = set(re.findall(r"\.([a-z][a-z0-9-]*)", ui_files()["style.css"].body.decode()))
    without = {"by-query", "done", "runs-head"}
    assert used - styled - without == set()
