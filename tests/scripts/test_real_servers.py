"""Where the binaries of real servers are kept, and how a file of this repository is built into one."""

from __future__ import annotations

import dataclasses
import subprocess
from typing import TYPE_CHECKING

import pytest

from scripts.real_servers import SERVERS, RealServer, installed, place_own_source

if TYPE_CHECKING:
    from pathlib import Path

SERVER = RealServer("example.org/some/module", "v1.2.3", "one,two", ("command",))


@pytest.fixture
def own(tmp_path: Path) -> RealServer:
    source = tmp_path / "mine.go"
    source.write_text("package main\n")
    return dataclasses.replace(SERVER, commands=("mine",), own_source=source)


def test_binaries_are_kept_by_module_version_and_tags() -> None:
    assert SERVER.folder.name == "module-v1.2.3-one-two"


def test_a_major_version_in_a_module_s_name_is_not_its_name() -> None:
    later = dataclasses.replace(SERVER, module="example.org/some/module/v4")
    assert later.folder.name == SERVER.folder.name


def test_a_command_of_one_s_own_is_built_anew_when_its_source_changes(own: RealServer) -> None:
    assert own.own_source is not None
    before = own.folder
    own.own_source.write_text("package main // changed\n")
    assert own.folder != before != SERVER.folder
    assert own.folder.name.startswith("mine-")


def test_a_source_of_one_s_own_stands_among_the_module_s_commands(
    own: RealServer, tmp_path: Path
) -> None:
    place_own_source(own, tmp_path / "source")
    assert (tmp_path / "source/cmd/mine/main.go").read_text() == "package main\n"


def test_a_module_without_one_is_left_alone(tmp_path: Path) -> None:
    place_own_source(SERVER, tmp_path / "source")
    assert not (tmp_path / "source").exists()


def test_every_command_has_one_server_and_every_source_is_there() -> None:
    commands = [command for server in SERVERS.values() for command in server.commands]
    assert len(set(commands)) == len(commands)
    for server in SERVERS.values():
        if server.own_source is not None:
            assert server.own_source.exists()
            assert server.commands == (server.own_source.stem,)


def test_a_server_that_is_there_is_not_installed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda command: f"/somewhere/{command}")
    monkeypatch.setattr("subprocess.run", lambda *a, **k: pytest.fail("nothing is to be run"))
    assert str(installed("redis")) == "/somewhere/redis-server"


def test_who_may_not_install_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda command: None)
    with pytest.raises(SystemExit, match="apt-get install memcached"):
        installed("memcached")


def test_what_is_missing_is_installed_also_with_old_lists_of_packages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = {"apt-get": "/apt-get"}
    ran = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        ran.append(command[1])
        if ran == ["install", "update", "install"]:
            there["memcached"] = "/memcached"
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr("shutil.which", there.get)
    monkeypatch.setattr("subprocess.run", run)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert str(installed("memcached")) == "/memcached"


def test_what_cannot_be_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", {"apt-get": "/apt-get"}.get)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("subprocess.run", lambda command, **k: subprocess.CompletedProcess(command, 9))
    with pytest.raises(SystemExit, match="cannot install memcached: apt-get ended with 9"):
        installed("memcached")
