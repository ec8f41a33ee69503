"""The page in a real browser: what stays when it changes, who can use it, what never runs."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import pytest

from tests.status.browser import PLAIN_HOST, Chromium, Tab, tab
from tests.status.days import FINDINGS, HOSTILE, RUNNING, bad_day, good_day, with_strings
from tests.status.serving import StatusServer, status_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

LIVE = "document.getElementById('live').textContent === 'live'"
CANCEL = f'[data-key="{RUNNING.id}"] button'
FIRST_LINE = "document.getElementById('headline').textContent"
CONTRASTS = """(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = (rgb) => {
    const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.slice(0, 3).map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const color = parse(getComputedStyle(e).backgroundColor);
      if (color.length === 3 || color[3] > 0.9) return color;
    }
    return [255, 255, 255];
  };
  const weak = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    const e = node.parentElement;
    if (!node.data.trim() || !e.checkVisibility() || e.closest("option, script")) continue;
    const text = light(parse(getComputedStyle(e).color));
    const [one, other] = [text, light(ground(e))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) weak.add(`${e.localName}.${e.className} ${ratio.toFixed(2)}`);
  }
  return [...weak];
})()"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture
async def server() -> AsyncIterator[StatusServer]:
    async with status_server() as started:
        yield started


@pytest.fixture
async def page(chromium: Chromium) -> AsyncIterator[Tab]:
    """An empty page; at the end its console must be empty too."""
    async with tab(chromium) as opened:
        await opened.look()
        yield opened
        assert not opened.complaints


async def visit(page: Tab, server: StatusServer) -> None:
    await page.visit(server.url)
    await page.until(LIVE)


async def draw_coverage(page: Tab) -> None:
    await page.run("""{
      document.getElementById('coverage-query').value = 'up';
      document.getElementById('coverage-form').requestSubmit();
    }""")
    await page.until("document.querySelectorAll('#coverage-answer .map svg').length === 2")


async def test_the_first_line_follows_what_happens(page: Tab, server: StatusServer) -> None:
    server.snapshot = good_day()
    await visit(page, server)
    assert await page.run(FIRST_LINE) == "All well"
    server.snapshot = bad_day()
    await page.until(f"{FIRST_LINE} === {FINDINGS[0].text!r}")
    assert await page.run("document.title") == f"{FINDINGS[0].text} \u2013 thanoxy"
    await page.run("document.querySelector('h1 a').click()")
    assert await page.run("location.hash") == "#addresses"


async def test_what_the_reader_does_stays_when_the_page_changes(
    page: Tab, server: StatusServer
) -> None:
    await visit(page, server)
    await page.run("""{
      document.getElementById('explain-query').value = 'typed';
      document.getElementById('by-tenant').click();
      document.querySelector('#coverage-query').focus();
      scrollTo({top: 700, behavior: 'instant'});
    }""")
    server.snapshot = dataclasses.replace(good_day(), version="2.0.0", running=bad_day().running[:1])
    await page.until("document.getElementById('vitals').textContent.includes('2.0.0')")
    assert await page.run("document.getElementById('explain-query').value") == "typed"
    assert await page.run("document.getElementById('by-tenant').checked")
    assert await page.run("document.querySelector('.by-tenant').checkVisibility()")
    assert await page.run("document.activeElement.id") == "coverage-query"
    assert await page.run("scrollY") > 400, "where the reader was, as far as the page is as long"


async def test_the_focus_stays_on_a_button_whose_row_has_moved(page: Tab, server: StatusServer) -> None:
    await visit(page, server)
    await page.run(f"document.querySelector('{CANCEL}').focus()")
    young, old = bad_day().running
    server.snapshot = dataclasses.replace(
        bad_day(), running=(dataclasses.replace(old, took_ms=99_000.0), young)
    )
    await page.until(f"document.querySelector('.runs').lastElementChild.dataset.key === {RUNNING.id!r}")
    assert await page.run("document.activeElement.closest('li').dataset.key") == RUNNING.id


async def test_a_table_stays_sorted_as_the_reader_wants_it(page: Tab, server: StatusServer) -> None:
    slowest = (
        "[...document.querySelectorAll('#slowest-table tbody tr')].map((r) => r.cells[1].textContent)"
    )
    received = "document.querySelectorAll('#slowest-table .sort')[1]"
    await visit(page, server)
    first = await page.run(slowest)
    await page.run(f"{received}.focus()")
    await page.key("Enter", 13, "\r")
    await page.key("Enter", 13, "\r")
    assert await page.run(slowest) == first[::-1], "ascending at the second press"
    assert await page.run(f"{received}.closest('th').ariaSort") == "ascending"
    server.snapshot = dataclasses.replace(bad_day(), slowest=bad_day().slowest[1:], version="3")
    await page.until("document.getElementById('vitals').textContent.includes('thanoxy 3')")
    assert (await page.run(slowest))[-1] == first[1]
    assert await page.run(f"{received}.closest('th').ariaSort") == "ascending"
    assert await page.run(f"document.activeElement === {received}")


async def test_nothing_that_is_typed_is_executed(page: Tab, server: StatusServer) -> None:
    server.snapshot = with_strings(bad_day(), lambda text: f"{text}{HOSTILE}")
    await visit(page, server)
    server.snapshot = with_strings(bad_day(), lambda text: f"{HOSTILE}{text}")
    await page.until(f"{FIRST_LINE}.startsWith('</code><script>')")
    await page.run("document.querySelector('#lists a[href*=coverage]')?.click()")
    assert await page.run("window.hurt ?? null") is None
    assert await page.run("document.scripts.length") == 2
    odd = "img, iframe, object, [onerror], [onmouseover], [style], code script"
    assert await page.run(f"document.querySelectorAll('{odd}').length") == 0


async def test_a_phone_need_not_scroll_sideways(page: Tab, server: StatusServer) -> None:
    width = "document.documentElement.scrollWidth"
    await page.look(width=360, height=740)
    await visit(page, server)
    assert await page.run(width) == 360
    await draw_coverage(page)
    assert await page.run(width) == 360
    rows = "[...document.querySelectorAll('.map svg')].map((e) => e.clientWidth)"
    assert min(await page.run(rows)) > 250, "a row has the width of the page, its name stands above"
    server.snapshot = with_strings(bad_day(), lambda text: f"{text}{'W' * 100_000}")
    await page.until(f"{FIRST_LINE}.includes('WWW')")
    assert await page.run(width) == 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_stands_out_from_its_ground(page: Tab, server: StatusServer, scheme: str) -> None:
    await page.look(scheme=scheme)
    await visit(page, server)
    assert await page.run(CONTRASTS) == []


async def test_by_keyboard_the_first_stop_leads_to_the_figures(page: Tab, server: StatusServer) -> None:
    await visit(page, server)
    await page.key("Tab", 9)
    assert await page.run("document.activeElement.textContent") == "Skip to the figures"
    assert await page.run("document.activeElement.getBoundingClientRect().left") >= 0, "it is seen"
    await page.key("Enter", 13, "\r")
    await page.until("document.activeElement.id === 'main'")


async def test_all_that_can_be_used_has_a_name(page: Tab, server: StatusServer) -> None:
    await visit(page, server)
    tree = await page.say("Accessibility.getFullAXTree")
    used = {"button", "link", "textbox", "radio", "image", "table", "region", "navigation"}
    nodes = [node for node in tree["nodes"] if node.get("role", {}).get("value") in used]
    assert len(nodes) > 80
    assert not [node["role"] for node in nodes if not node.get("name", {}).get("value")]


async def test_a_plan_is_shown_in_place(page: Tab, server: StatusServer) -> None:
    await visit(page, server)
    await page.run("document.querySelector('#slowest-table a[href*=explain]').click()")
    await page.until("document.getElementById('explain-answer').textContent.includes('plan of <up>')")
    assert await page.run("document.getElementById('explain-query').value") == bad_day().slowest[0].expr
    assert await page.run("document.getElementById('explain-step').value") == "300"
    plan = "document.getElementById('explain-answer').textContent"
    assert (await page.run(plan)).endswith(f"for {bad_day().slowest[0].tenant}")
    await page.run("""{
      document.getElementById('explain-tenant').value = 'default-tenant';
      document.getElementById('explain-form').requestSubmit();
    }""")
    await page.until(f"{plan}.endsWith('for nobody in particular')")
    assert await page.run("location.pathname") == "/"


async def test_coverage_is_drawn_and_told(page: Tab, server: StatusServer) -> None:
    await visit(page, server)
    await draw_coverage(page)
    labels = await page.run("[...document.querySelectorAll('.map svg')].map((e) => e.ariaLabel)")
    assert labels == [
        "step 1 min: 39 % of the time held",
        "step 5 min, phase 20 s, <b>team-blue</b>, dedup=<i>: 63 % of the time held",
    ]
    shades = "[...document.querySelectorAll('.map svg')[1].children].map((e) => e.classList[0])"
    assert set(await page.run(shades)) == {"heat-0", "heat-1", "heat-5", "heat-doubt"}
    states = (
        "[...document.querySelectorAll('#coverage-answer tbody tr')].map((r) => r.cells[3].textContent)"
    )
    assert await page.run(states) == ["served", "served", "expired", "in doubt", "served", "pending"]
    assert (
        await page.run("document.getElementById('coverage-said').textContent") == "Not shown: 7 runs."
    )


async def test_a_query_is_cancelled_without_leaving_the_page(page: Tab, server: StatusServer) -> None:
    await visit(page, server)
    await page.run(f"document.querySelector('{CANCEL}').click()")
    async with asyncio.timeout(5):
        while server.cancelled != [RUNNING.id]:  # noqa: ASYNC110  the server's own state
            await asyncio.sleep(0.01)
    assert await page.run("location.pathname + location.hash") == "/"


@pytest.mark.parametrize("host", ["127.0.0.1", PLAIN_HOST])
async def test_without_javascript_all_can_be_read_and_cancelled(
    page: Tab, server: StatusServer, host: str
) -> None:
    """Of a request over plain HTTP to another machine browsers tell the origin, and nothing else."""
    await page.say("Emulation.setScriptExecutionDisabled", value=True)
    await page.visit(server.url.replace("127.0.0.1", host))
    html = await page.outer_html()
    assert FINDINGS[0].text in html
    assert "loads itself anew" in html
    assert "scanning" in html
    await page.click(CANCEL)
    await page.until("location.hash === '#queries'")
    assert server.cancelled == [RUNNING.id]


async def test_it_says_when_the_server_has_left(page: Tab, server: StatusServer) -> None:
    await visit(page, server)
    server.leaving.set()
    await page.until("document.getElementById('live').textContent.includes('trying again')")
