"""The daemon's reports: written by a child when a run that was seen running ends; the newest are kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runwatch.config.loader import read
from runwatch.config.sections import ReportsConfig
from runwatch.core.errors import ConfigError
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.service.run_reports import CALM, RECENT, SILENT, RunReports

from .logs import START, trained


def _grow(engine: Engine, parser: StreamParser, log: Path, text: str, now: float) -> None:
    """Write to a log, and let the engine see it live."""
    with log.open("a") as file:
        file.write(text)
    engine.fold(str(log), parser.feed(text.encode()), live=True, arrival=now, written=now)


async def _end(
    tmp_path: Path,
    config: ReportsConfig,
    notices: list[str],
    last: str = "Training completed.\n",
    calm: float = CALM,
) -> list[tuple[str, ...]]:
    """Watch a run to its end, and wait for what is written of it; return what was said to be written."""
    log = tmp_path / "train.log"
    engine, parser = Engine(), StreamParser()
    engine.add_source(str(log), "train", str(log))
    done: list[tuple[str, ...]] = []
    reports = RunReports(config, tmp_path / "state", None, notices.append, lambda *given: done.append(given))
    _grow(engine, parser, log, trained(60), START + 60)
    reports.tick(engine.groups.values(), START + 61)
    _grow(engine, parser, log, last, START + 62)
    engine.tick(START + 62)
    reports.tick(engine.groups.values(), START + 63)
    assert reports._writing is None  # something may follow the end
    reports.tick(engine.groups.values(), START + 61 + calm)
    assert reports._writing is None
    reports.tick(engine.groups.values(), START + 63 + calm)
    if reports._writing is not None:
        await reports._writing
        for later in (1, 60):  # it is written once
            writing = reports._writing
            reports.tick(engine.groups.values(), START + 63 + calm + later)
            assert reports._writing is writing
    return done


def test_an_end_is_reported_and_the_oldest_reports_are_removed(tmp_path: Path) -> None:
    directory, notices = tmp_path / "out", list[str]()
    directory.mkdir()
    for old in ("a-0123456789ab.html", "b-0123456789ab.html", "mine.html"):
        (directory / old).write_text("old")
    config = ReportsConfig(enabled=True, directory=str(directory), keep=2)
    asyncio.run(_end(tmp_path, config, notices))
    assert notices == []
    found = sorted(path.name for path in directory.iterdir())
    assert len(found) == 3
    (ours,) = (name for name in found if name.startswith("train-"))
    assert "mine.html" in found
    assert "finished at step 60 of 60" in (directory / ours).read_text()


def test_without_the_section_nothing_is_written(tmp_path: Path) -> None:
    asyncio.run(_end(tmp_path, ReportsConfig(), []))
    assert not (tmp_path / "state").exists()


def test_a_report_that_cannot_be_written_is_a_notice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    notices: list[str] = []
    asyncio.run(_end(tmp_path, ReportsConfig(enabled=True, directory=str(tmp_path / "file")), notices))
    assert len(notices) == 1
    assert notices[0].startswith("the report of train was not written: ")


def test_the_section_is_read_and_its_errors_name_the_line(tmp_path: Path) -> None:
    file = tmp_path / "runwatch.toml"
    file.write_text('[reports]\nenabled = true\nform = "markdown"\nkeep = 3\nprice_per_gpu_hour = 2.5\n')
    assert read(file).reports == ReportsConfig(enabled=True, form="markdown", keep=3, price_per_gpu_hour=2.5)
    file.write_text('[reports]\nform = "pdf"\n')
    with pytest.raises(ConfigError, match=r"runwatch\.toml:2"):
        read(file)


@pytest.mark.deep
def test_a_run_that_did_all_its_steps_and_never_says_that_it_is_over_is_reported(tmp_path: Path) -> None:
    """Its phase is still the evaluation behind its last step."""
    notices: list[str] = []
    last = "step 60 val_loss 2.4\n"
    done = asyncio.run(_end(tmp_path, ReportsConfig(enabled=True), notices, last, SILENT))
    assert (len(done), notices) == (1, [])


@pytest.mark.deep
def test_who_uploads_reports_gets_the_file_and_the_end_that_it_is_of(tmp_path: Path) -> None:
    config = ReportsConfig(enabled=True, directory=str(tmp_path / "out"), url="https://here/reports/")
    ((run_id, name, file, key),) = asyncio.run(_end(tmp_path, config, []))
    assert (name, key) == ("train", "60")
    assert Path(file).read_text().startswith("<!DOCTYPE html>")
    place = RunReports(config, tmp_path, None, print).place(run_id, name)
    assert place == f"https://here/reports/{Path(file).name}"


@pytest.mark.parametrize(("away", "written"), [(CALM + 60, True), (RECENT + 60, False)])
def test_an_end_in_a_restart_is_reported_by_the_next_daemon(
    tmp_path: Path, away: float, written: bool
) -> None:
    log = tmp_path / "train.log"
    engine, parser = Engine(), StreamParser()
    engine.add_source(str(log), "train", str(log))
    _grow(engine, parser, log, trained(60) + "Training completed.\n", START + 60)
    engine.tick(START + 61)
    reports = RunReports(ReportsConfig(enabled=True), tmp_path, None, print)

    async def look() -> bool:
        reports.tick(engine.groups.values(), START + 60 + away)
        begun = reports._writing is not None
        await reports.stop()
        return begun

    assert asyncio.run(look()) is written


def test_an_earlier_report_is_not_that_of_an_end_that_could_not_be_read(tmp_path: Path) -> None:
    async def both() -> list[str]:
        notices, done = list[str](), list[str]()
        log = tmp_path / "train.log"
        engine, parser = Engine(), StreamParser()
        engine.add_source(str(log), "train", str(log))
        reports = RunReports(
            ReportsConfig(enabled=True), tmp_path, None, notices.append, lambda *given: done.append(given[3])
        )
        for first, last in ((0, 60), (60, 90)):
            lines = trained(last).splitlines(keepends=True)[first:]
            _grow(engine, parser, log, "".join(lines) + "Training completed.\n", now := START + last)
            engine.tick(now + 1)
            if first:
                log.unlink()
            reports.tick(engine.groups.values(), now + CALM + 1)
            assert reports._writing is not None
            await reports._writing
        assert len(notices) == 1, notices
        return done

    assert asyncio.run(both()) == ["60"]
