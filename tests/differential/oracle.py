"""What Thanos itself answers to the windows of the splits, joined here in the plainest way.

Nothing of the proxy is used. Splits are the runs of timestamps that lie in one interval since
the epoch; `start()`, `end()` and `step()` are numbers already in the text that is asked.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson

from tests.differential.asking import Answer, Request, Server
from tests.differential.cases import PATH, Case
from tests.differential.queries import seconds_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.differential.windows import Window

SIDE_BY_SIDE = 8


async def split_answers(case: Case, thanos: Server, interval_ms: int) -> list[Answer]:
    """What Thanos answers to each split of a case, in the order of time."""
    gate = asyncio.Semaphore(SIDE_BY_SIDE)

    async def ask(split: Window) -> Answer:
        async with gate:
            return await thanos.ask(split_request(case, split))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(split)) for split in case.window.splits(interval_ms)]
    return [task.result() for task in tasks]


def split_request(case: Case, split: Window) -> Request:
    fields = [
        ("query", case.query.constant_over(case.window)),
        ("start", seconds_text(split.start_ms)),
        ("end", seconds_text(split.end_ms)),
        ("step", f"{split.step_ms}ms"),
        *case.parameters,
    ]
    return Request("POST", PATH, body=urlencode(fields))


def explain(answers: Sequence[Answer], found: Answer) -> bool:
    """Whether an answer is what these add up to: their series joined, or an error of one."""
    failed = [answer for answer in answers if answer.status != HTTPStatus.OK]
    if failed or found.status != HTTPStatus.OK:
        return found in failed
    no_store = next((a.cache_control for a in answers if a.cache_control), "")
    same_headers = (found.content_type, found.cache_control) == (
        answers[0].content_type,
        no_store,
    )
    bodies = [orjson.loads(answer.body) for answer in answers]
    return same_headers and without_figures(join(bodies)) == without_figures(orjson.loads(found.body))


def join(bodies: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Series in the order of their labels, points in the order of time, notes once each.

    Values stay the texts that they are in JSON.
    """
    by_labels: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for series in (series for body in bodies for series in body["data"]["result"]):
        joined = by_labels.setdefault(labels_of(series), {"metric": series["metric"]})
        for lane in ("values", "histograms"):
            if lane in series:
                joined.setdefault(lane, []).extend(series[lane])
    result = [by_labels[labels] for labels in sorted(by_labels)]
    answer: dict[str, Any] = {**bodies[0], "data": {**bodies[0]["data"], "result": result}}
    for name in ("warnings", "infos"):
        if texts := {text for body in bodies for text in body.get(name, ())}:
            answer[name] = list(texts)
    return answer


def labels_of(series: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(series["metric"].items())


def without_figures(body: dict[str, Any]) -> dict[str, Any]:
    """A body without statistics, and with its notes in one order."""
    data = {name: value for name, value in body["data"].items() if name == "result"}
    notes = {name: sorted(body.get(name, ())) for name in ("warnings", "infos")}
    return {**notes, "data": data}
