"""A real Prometheus with these rules scrapes a real thanoxy: a fault raises its alert and no other."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson
import yaml

from scripts.real_servers import binary
from tests.deploy.expressions import RULES
from tests.deploy.panels import expressions
from tests.fakes import Asked, Behaviour, fake_upstream, reply
from tests.thanos.loopback import ADDRESS, ask, free_ports
from tests.thanos.processes import ServerProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FIRES_WITHIN_S = 15.0
STORES = (
    b'{"status":"success","data":{"sidecar":[{"name":"s:1","labelSets":[{"replica":"a"}],'
    b'"minTime":0,"maxTime":9000000000000,"lastError":null}]}}'
)


def well(asked: Asked) -> Behaviour:
    if asked.path == "/api/v1/stores":
        return reply(200, STORES)
    is_ready = asked.path == "/-/ready"
    return reply(200 if is_ready else 404, b"", "text/plain")


def sooner(rules: str) -> str:
    """The same rules with half a second for each minute."""
    half_minutes = {"s": 1 / 30, "m": 2, "h": 120, "d": 2880}

    def shorter(found: re.Match[str]) -> str:
        return f"{round(int(found[1]) * half_minutes[found[2]] * 250)}ms"

    return re.sub(r"(?<=[\[ :])(\d+)([smhd])(?=[\] \n:)])", shorter, rules)


@asynccontextmanager
async def running(name: str, command: list[str], port: int, folder: Path) -> AsyncIterator[str]:
    """The URL of a server; it is started in a thread, because upstreams answer in this one."""
    url = f"http://{ADDRESS}:{port}"
    process = ServerProcess(name, command, log_path=folder / f"{name}.log", ready_url=f"{url}/-/ready")
    try:
        process.start()
        await asyncio.to_thread(process.wait_until_ready)
        yield url
    finally:
        await asyncio.to_thread(process.stop)


def thanoxy(port: int, limits: Path, upstreams: list[str]) -> list[str]:
    return [
        sys.executable, "-m", "proxy", f"--http-address={ADDRESS}:{port}", "--workers=1",
        *(f"--query-frontend.downstream-url={url}" for url in upstreams),
        f"--limits.config-file={limits}", "--config.reload-interval=200ms",
        "--upstream.probe-interval=200ms", "--http-grace-period=1s",
    ]  # fmt: skip


def prometheus(folder: Path, port: int, target: int) -> list[str]:
    (folder / "rules.yaml").write_text(sooner(RULES.read_text("utf-8")), "utf-8")
    config = {
        "global": {
            "scrape_interval": "200ms",
            "scrape_timeout": "200ms",
            "evaluation_interval": "200ms",
        },
        "rule_files": ["rules.yaml"],
        "scrape_configs": [
            {
                "job_name": "thanoxy",
                "scrape_protocols": ["OpenMetricsText1.0.0"],
                "static_configs": [{"targets": [f"{ADDRESS}:{target}"]}],
            }
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")
    return [
        str(binary("prometheus")), f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={ADDRESS}:{port}",
        "--log.level=warn", "--scrape.discovery-reload-interval=200ms",
    ]  # fmt: skip


def firing(url: str) -> dict[str, dict[str, str]]:
    """The labels of alerts that fire, by name."""
    alerts = orjson.loads(ask(f"{url}/api/v1/alerts").body)["data"]["alerts"]
    return {one["labels"]["alertname"]: one["labels"] for one in alerts if one["state"] == "firing"}


async def fires(url: str, names: set[str]) -> dict[str, dict[str, str]]:
    until_s = time.monotonic() + FIRES_WITHIN_S
    while (found := await asyncio.to_thread(firing, url)).keys() != names:
        assert time.monotonic() < until_s, found
        await asyncio.sleep(0.1)
    return found


async def value(url: str, query: str) -> float:
    """What Prometheus answers; 0 for nothing."""
    body = (await asyncio.to_thread(ask, f"{url}/api/v1/query?query={quote(query)}")).body
    result = orjson.loads(body)["data"]["result"]
    return float(result[0]["value"][1]) if result else 0.0


async def scraped(url: str, times: int) -> None:
    """Wait until Prometheus has asked thanoxy so many times."""
    until_s = time.monotonic() + FIRES_WITHIN_S
    while (have := await value(url, "sum_over_time(up[1m])")) < times:
        assert time.monotonic() < until_s, have
        await asyncio.sleep(0.1)


async def unwell_rules(url: str) -> list[str]:
    """Rules that Prometheus cannot evaluate: what is parsed may match many to many."""
    body = (await asyncio.to_thread(ask, f"{url}/api/v1/rules")).body
    rules = [rule for group in orjson.loads(body)["data"]["groups"] for rule in group["rules"]]
    assert rules
    return [f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] != "ok"]


async def failing_panels(url: str) -> list[str]:
    """Queries of the dashboard that Prometheus does not answer."""
    answers = [
        (expr, await asyncio.to_thread(ask, f"{url}/api/v1/query?query={quote(expr)}"))
        for expr in expressions()
    ]
    return [f"{expr}: {answer.body!r}" for expr, answer in answers if answer.status != 200]


def test_all_times_are_made_shorter_and_nothing_else() -> None:
    text = "expr: a[2m] offset 1h\nfor: 5m\nexpr: b[1h:5m]\nrecord: c:rate5m\nfor: 90s\n"
    ranges = "expr: a[1000ms] offset 30000ms\nfor: 2500ms\nexpr: b[30000ms:2500ms]\n"
    assert sooner(text) == f"{ranges}record: c:rate5m\nfor: 750ms\n"


async def test_a_dead_upstream_and_a_bad_reload_raise_their_alerts_and_no_other(tmp_path: Path) -> None:
    limits = tmp_path / "limits.yaml"
    limits.write_text("default: {max_query_steps: 11000}\n", "utf-8")
    own, watching = free_ports(2)
    async with AsyncExitStack() as parts, AsyncExitStack() as mortal:
        living = await parts.enter_async_context(fake_upstream())
        dying = await mortal.enter_async_context(fake_upstream())
        living.script = dying.script = well
        started = thanoxy(own, limits, [living.url, dying.url])
        await parts.enter_async_context(running("thanoxy", started, own, tmp_path))
        watcher = prometheus(tmp_path, watching, own)
        url = await parts.enter_async_context(running("prometheus", watcher, watching, tmp_path))
        await scraped(url, 15)
        assert await unwell_rules(url) == []
        assert await failing_panels(url) == []
        assert firing(url) == {}

        limits.write_text("default: {max_query_stepz: 1}\n", "utf-8")
        found = await fires(url, {"ThanoxyReloadFailed"})
        assert found["ThanoxyReloadFailed"]["instance"] == f"{ADDRESS}:{own}"
        limits.write_text("default: {max_query_steps: 1100}\n", "utf-8")
        await mortal.aclose()
        found = await fires(url, {"ThanoxyUpstreamDead"})
        assert found["ThanoxyUpstreamDead"]["url"] == dying.url
