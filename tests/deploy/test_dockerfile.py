"""The Dockerfile, read: no engine is needed to see that it promises what the documents say."""

from __future__ import annotations

import json
import re
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from proxy.config import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent.parent

Instruction = tuple[str, str]


def instructions() -> list[Instruction]:
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    joined = text.replace("\\\n", " ").splitlines()
    split = (line.strip().split(None, 1) for line in joined if line.strip())
    return [(word.upper(), " ".join(rest.split())) for word, rest in split]


def last_stage() -> list[Instruction]:
    read = instructions()
    first = max(at for at, (word, _) in enumerate(read) if word == "FROM")
    return read[first:]


def the(word: str, among: list[Instruction]) -> str:
    (found,) = (rest for name, rest in among if name == word)
    return found


def test_every_base_has_a_tag_that_names_a_version() -> None:
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:3\.\d+-slim", base) for base in bases)
    assert len(set(bases)) == 1, "what is built for one Python runs on it"


def test_nothing_is_fetched_by_an_address() -> None:
    read = instructions()
    assert "ADD" not in {word for word, _ in read}
    assert not [rest for word, rest in read if word in {"RUN", "COPY"} and "://" in rest]


def test_every_package_is_checked_by_its_hash() -> None:
    runs = [rest for word, rest in instructions() if word == "RUN"]
    installs = [part for run in runs for part in run.split("&&") if " install " in part]
    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install


def test_the_last_stage_holds_what_runs_and_runs_nothing_to_get_it() -> None:
    words = [word for word, _ in last_stage()]
    assert "RUN" not in words
    assert [rest for word, rest in last_stage() if word == "COPY"] == [
        "--from=build /opt/thanoxy /opt/thanoxy",
        "--from=build --chown=65532:65532 /kept /var/cache/thanoxy",
    ]


def test_it_runs_as_a_number_that_is_not_root() -> None:
    user, group = the("USER", last_stage()).split(":")
    assert int(user) > 0
    assert int(group) > 0


def test_it_is_started_without_a_shell_so_that_signals_arrive() -> None:
    assert json.loads(the("ENTRYPOINT", last_stage())) == ["thanoxy"]
    assert "CMD" not in {word for word, _ in last_stage()}


def test_the_port_is_the_one_that_is_listened_on() -> None:
    variables = dict(re.findall(r"(THANOXY_[A-Z_]+)=(\S+)", the("ENV", last_stage())))
    settings, _ = load_settings([], variables)
    assert settings.http_address == "0.0.0.0:10912"
    assert the("EXPOSE", last_stage()) == "10912"


def health_check() -> list[str]:
    _, _, command = the("HEALTHCHECK", last_stage()).partition(" CMD ")
    words = json.loads(command)
    assert isinstance(words, list)
    return words


def test_the_health_check_needs_python_alone() -> None:
    program, option, _ = health_check()
    assert (program, option) == ("python", "-c")


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[int]:
    """A port where /-/healthy answers with the status that the test names."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(request.param if self.path == "/-/healthy" else 404)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("answering", [200], indirect=True)
def test_the_health_check_passes_where_the_process_is_healthy(
    answering: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THANOXY_HTTP_ADDRESS", f"0.0.0.0:{answering}")
    exec(health_check()[2], {})


@pytest.mark.parametrize("answering", [503], indirect=True)
def test_the_health_check_fails_where_it_is_not(
    answering: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THANOXY_HTTP_ADDRESS", f"0.0.0.0:{answering}")
    with pytest.raises(urllib.request.HTTPError) as raised:
        exec(health_check()[2], {})
    raised.value.close()


@pytest.mark.parametrize("answering", [200], indirect=True)
def test_the_health_check_asks_no_proxy_of_the_environment(
    answering: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("THANOXY_HTTP_ADDRESS", f"0.0.0.0:{answering}")
    exec(health_check()[2], {})


def test_the_context_holds_only_what_is_asked_for() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    assert let_in == {"LICENSE", "README.md", "proxy", "pyproject.toml", "requirements"}
    assert all((ROOT / name).exists() for name in let_in)
