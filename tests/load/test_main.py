"""The command as it is called."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from proxy.load.__main__ import main
from tests.load.servers import answer, serving

if TYPE_CHECKING:
    from pathlib import Path

DASHBOARD = {
    "title": "Shop",
    "uid": "shop",
    "panels": [
        {"id": 1, "title": "Rate", "targets": [{"refId": "A", "expr": "rate(a[$__rate_interval])"}]},
        {"id": 2, "title": "Lost", "targets": [{"refId": "A", "expr": "b[$nowhere]"}]},
    ],
}
PROFILE = ("--profile", "tiny", "--metric", "up")


async def command(*arguments: str, interrupt: asyncio.Event | None = None) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy.load", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    if interrupt:
        await asyncio.wait_for(interrupt.wait(), 20)
        process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def quick(_request: web.Request) -> web.StreamResponse:
    return answer()


async def test_a_dashboard_is_replayed_and_reported(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text(json.dumps(DASHBOARD))
    options = ["--dashboard", str(tmp_path / "d.json"), "--refresh", "100ms", "--duration", "500ms"]
    files = ["--report", str(tmp_path / "r.html"), "--hgrm", str(tmp_path / "r.hgrm")]
    async with serving(quick) as url:
        code, out, err = await command("--target", url, *options, *files)
    assert (code, err) == (0, "")
    assert out.splitlines()[1].split()[:2] == [url, "5"]
    assert "note: Lost A: no value for nowhere (--variable NAME=VALUE), left out" in out
    assert "upstream work saved: not available" in out
    assert "<h1>Shop</h1>" in (tmp_path / "r.html").read_text()
    assert "Total count    =            5" in (tmp_path / "r.hgrm").read_text()


async def test_ctrl_c_gives_the_report_of_what_ran_so_far(tmp_path: Path) -> None:
    report = tmp_path / "r.html"
    tenth = asyncio.Event()
    number = 0

    async def count(request: web.Request) -> web.StreamResponse:
        nonlocal number
        number += request.method == "POST"
        if number == 10:
            tenth.set()
        return answer()

    options = ["--refresh", "100ms", "--duration", "10m", "--report", str(report)]
    async with serving(count) as url:
        code, out, err = await command("--target", url, *PROFILE, *options, interrupt=tenth)
    assert code == 130
    assert "Traceback" not in err
    assert f"written: {report}" in out
    assert "ended early after" in report.read_text()


async def test_a_web_page_is_no_target_and_no_traceback() -> None:
    async def page(_request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>Grafana</html>", content_type="text/html")

    async with serving(page) as url:
        code, out, err = await command("--target", url, *PROFILE)
    assert (code, out) == (2, "")
    assert err == (
        f"thanoxy-load: {url}: it answers with a web page (200, text/html), not with a Prometheus API\n"
    )


async def test_a_target_that_answers_nothing_under_load_ends_with_one(tmp_path: Path) -> None:
    async def only_the_probe(request: web.Request) -> web.StreamResponse:
        return answer() if request.method == "GET" else web.Response(status=500)

    report = tmp_path / "r.html"
    async with serving(only_the_probe) as url:
        code, out, _ = await command(
            *("--target", url, *PROFILE, "--duration", "100ms", "--report", str(report))
        )
    assert code == 1
    assert "4 x status 500" in out
    assert report.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the following arguments are required: --target (--help lists the options)"),
        (
            ("--target", "http://127.0.0.1:1", *PROFILE),
            "http://127.0.0.1:1: no connection (connection refused)",
        ),
        (
            ("--target", "http://h", "--dashboard", "/none.json"),
            "/none.json: No such file or directory",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line_and_status_two(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr() == ("", f"thanoxy-load: {message}\n")


def test_a_dry_run_lists_the_questions_and_sends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "d.json"
    path.write_text(json.dumps(DASHBOARD))
    options = ("--target", "http://127.0.0.1:1", "--dashboard", str(path), "--users", "10", "--dry-run")
    assert main(options) == 0
    out = capsys.readouterr().out
    assert "Rate A    21600s   15s  rate(a[1m0s])" in out
    assert "some 20 requests to each target" in out
    assert "note: Lost A: no value for nowhere" in out
