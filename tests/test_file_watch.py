"""Files that change are read again, however it happens; what cannot be read leaves the old."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

import pytest

from proxy.file_watch import FileWatch
from proxy.http_config import read_http_config
from proxy.setting_values import SettingError

if TYPE_CHECKING:
    from pathlib import Path


class Content:
    """A file's content as of the last good reading; what was told of each reading."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text("utf-8")
        self.readings = 0
        self.has_read = asyncio.Event()
        self.told: list[tuple[str, bool]] = []
        self.watch = FileWatch(0.01, lambda name, ok: self.told.append((name, ok)))
        self.watch.register("it", lambda: [str(path)], self.reload)

    def reload(self) -> None:
        self.readings += 1
        text = self.path.read_text("utf-8")
        if "bad" in text:
            raise SettingError("it is bad")
        self.text = text
        self.has_read.set()


@pytest.fixture
def content(tmp_path: Path) -> Content:
    file = tmp_path / "it.yaml"
    file.write_text("one", "utf-8")
    return Content(file)


async def test_a_file_that_does_not_change_is_read_once(content: Content) -> None:
    for _ in range(3):
        await content.watch.look()
    assert content.readings == 0
    assert content.told == [("it", True)]


async def test_a_file_that_is_written_is_read_again(content: Content) -> None:
    content.path.write_text("three", "utf-8")
    await content.watch.look()
    await content.watch.look()
    assert (content.text, content.readings) == ("three", 1)


async def test_a_file_put_in_its_place_is_read_even_with_the_same_size_and_time(
    content: Content, tmp_path: Path
) -> None:
    was = content.path.stat()
    other = tmp_path / "other"
    other.write_text("two", "utf-8")
    os.utime(other, ns=(was.st_atime_ns, was.st_mtime_ns))
    other.replace(content.path)
    await content.watch.look()
    assert content.text == "two"


async def test_a_folder_that_kubernetes_swaps_is_noticed(tmp_path: Path) -> None:
    for name, text in (("..1", "one"), ("..2", "two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "it.yaml").write_text(text, "utf-8")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "it.yaml").symlink_to("..data/it.yaml")
    content = Content(tmp_path / "it.yaml")
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").replace(tmp_path / "..data")
    await content.watch.look()
    assert content.text == "two"


async def test_a_bad_file_leaves_the_old_in_place_and_is_logged_once(
    content: Content, caplog: pytest.LogCaptureFixture
) -> None:
    content.path.write_text("bad", "utf-8")
    for _ in range(3):
        await content.watch.look()
    assert content.text == "one"
    assert content.told[-1] == ("it", False)
    (line,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert line.getMessage() == "cannot be read again: what was read before stays in force"
    assert vars(line)["err"] == "it is bad"


async def test_what_failed_is_tried_again_although_nothing_changes(content: Content) -> None:
    content.path.unlink()
    await content.watch.look()
    assert content.told[-1] == ("it", False)
    content.path.write_text("one", "utf-8")
    await content.watch.look()
    assert content.told[-1] == ("it", True)
    content.path.write_text("bad", "utf-8")
    await content.watch.look()
    before = content.readings
    await content.watch.look()
    assert content.readings == before + 1


async def test_one_files_trouble_is_not_the_others(
    content: Content, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    def silent() -> None:
        raise OSError

    told: dict[str, bool] = {}
    read = []
    watch = FileWatch(60, told.__setitem__)
    watch.register("broken", list, broken)
    watch.register("silent", list, silent)
    watch.register("sound", list, lambda: read.append(1))
    watch.reload_now()
    assert told == {"broken": False, "silent": False, "sound": True}
    assert read == [1]
    assert any(record.exc_info for record in caplog.records)


async def test_a_signal_reads_all_again_changed_or_not(content: Content) -> None:
    content.watch.reload_now()
    assert content.readings == 1
    await content.watch.look()
    assert content.readings == 1


async def test_files_that_a_file_names_are_watched_from_then_on(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("1", "utf-8")
    second.write_text("2", "utf-8")
    named, readings = [str(first)], []
    watch = FileWatch(60, lambda _name, _ok: None)
    watch.register("it", lambda: named, lambda: readings.append(1))
    named.append(str(second))
    await watch.look()
    before = len(readings)
    second.write_text("22", "utf-8")
    await watch.look()
    assert len(readings) == before + 1


async def test_a_bad_http_config_is_logged_without_its_secrets(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "web.yml"
    file.write_text("", "utf-8")

    def read() -> None:
        read_http_config(str(file))

    watch = FileWatch(60, lambda _name, _ok: None)
    watch.register("http.config", lambda: [str(file)], read)

    for text in ("basic_auth_users: {alice: hunter2}", "bearer_tokens: {a: *hunter2}", "a: 'hunter2"):
        file.write_text(text, "utf-8")
        await watch.look()
    assert len(caplog.records) == 3
    assert "hunter2" not in " ".join(repr(vars(record)) for record in caplog.records)


async def test_it_looks_by_itself_until_it_is_cancelled(content: Content) -> None:
    task = asyncio.get_running_loop().create_task(content.watch.run())
    content.path.write_text("two", "utf-8")
    async with asyncio.timeout(5):
        await content.has_read.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_which_file_is_bad_and_why_can_be_seen(content: Content) -> None:
    assert content.watch.failures == {"it": ""}
    content.path.write_text("bad", "utf-8")
    await content.watch.look()
    assert content.watch.failures == {"it": "it is bad"}
    content.path.write_text("good", "utf-8")
    await content.watch.look()
    assert content.watch.failures == {"it": ""}
