"""The page is written from saved runs, and what was typed by hand stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.report import main, sections, write
from benchmarks.results import save
from tests.benchmarks.runs import growth_run, peers_run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def page(folder: Path) -> Path:
    names = sections(peers_run(), growth_run())
    path = folder / "benchmarks.md"
    path.write_text("# By hand\n" + "".join(f"<!-- {n}: begin -->\n<!-- {n}: end -->\n" for n in names))
    return path


def test_every_section_is_written_between_its_comments(tmp_path: Path) -> None:
    path = page(tmp_path)
    write(path, peers_run(), growth_run())
    text = path.read_text()
    assert text.startswith("# By hand\n")
    assert "5 of 5 marks met." in text
    assert "* memory: it stopped" in text
    assert "This part was not run." not in text


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    path = page(tmp_path)
    write(path, peers_run(), growth_run())
    before = path.read_text()
    write(path, peers_run(), growth_run())
    assert path.read_text() == before


def test_plots_stand_beside_the_page(tmp_path: Path) -> None:
    written = write(page(tmp_path), peers_run(), growth_run())
    assert tmp_path / "benchmarks" / "growth-clients.svg" in written
    assert all(path.exists() for path in written)


def test_a_part_that_was_not_run_says_so(tmp_path: Path) -> None:
    run = peers_run()
    run.memory = []
    assert sections(run, growth_run())["memory"] == "This part was not run.\n"


def test_the_page_of_this_project_has_a_place_for_every_section() -> None:
    text = PAGE.read_text("utf-8")
    for name in sections(peers_run(), growth_run()):
        assert text.count(f"<!-- {name}: begin -->\n") == 1
        assert text.count(f"<!-- {name}: end -->\n") == 1


def test_the_command_takes_the_newest_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for run, kind in ((peers_run(), "peers"), (growth_run(), "growth")):
        save(run, kind, tmp_path)
    path = page(tmp_path)
    main(["--folder", str(tmp_path), "--page", str(path)])
    assert f"written: {path}" in capsys.readouterr().out


def test_a_page_without_a_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.md"
    path.write_text("")
    with pytest.raises(ValueError, match="must be there once"):
        write(path, peers_run(), growth_run())
