"""An engine that is killed at any instant and started again has missed nothing and tells nothing twice."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.engine import Engine

from ..alerts.endpoints import HttpServer
from .kept import (
    KeptEngine,
    Log,
    clean_pass,
    differences,
    is_committed,
    kept_document,
    reported,
    timeless,
    until,
)


def config(tmp_path: Path, server: HttpServer) -> str:
    path = tmp_path / "runwatch.toml"
    hook = f"[channels.hook]\ntype = 'webhook'\nurl = '{server.url}'\nper_minute = 600\n"
    path.write_text(hook + "[routing]\nflap_count = 0\n")  # every change is to be told, to be counted
    return str(path)


@pytest.mark.parametrize(("seed", "lives"), [(1, 2), pytest.param(1, 6, marks=pytest.mark.deep)])
def test_killed_at_random_it_shows_what_one_pass_shows_and_once(tmp_path, seed, lives):
    rng = random.Random(seed)
    logs = [Log(tmp_path / f"run{i}.log", seed * 10 + i) for i in range(3)]
    paths, state = [log.path for log in logs], tmp_path / "state"
    with HttpServer() as server:
        env = {"KEPT_CONFIG": config(tmp_path, server)}
        engine = KeptEngine(state, paths, **env)
        engine.committed()
        for life in range(lives):
            end = time.monotonic() + rng.uniform(0.7, 1.6)
            rotated: set[int] = set()
            while time.monotonic() < end:
                number = rng.randrange(3)
                log = logs[number]
                log.append(rng.randrange(1, 40))
                if life % 2 and number not in rotated and rng.random() < 0.1:
                    rotated.add(number)
                    log.rotate()
                time.sleep(0.01)
            engine.kill()
            for log in logs:
                log.append(20)
            engine = KeptEngine(state, paths, **env)
            if life == 2:  # all that is in it was read: truncating loses nothing
                until(lambda: is_committed(state, paths[0]), engine)
                logs[0].truncate()
        for log in logs:
            log.finish()
        engine.committed()
        engine.stop()
        runs, sent = clean_pass({log.path: log.segments for log in logs})
        found = differences(kept_document(state), runs)
        assert not found, "\n".join(found)
        assert len(sent) > 5
        assert sorted(reported(server.got)) == sorted(sent)


@pytest.mark.parametrize("seed", range(2, 26, 3))  # those whose fault is a spike
def test_a_log_that_was_finished_says_the_same_at_every_look_at_the_clock(tmp_path, seed):
    log = Log(tmp_path / "run.log", seed, chance=0.1)
    log.append(200)
    log.chance = 1.0
    log.append(2)
    log.finish()
    engine, parser = Engine(), StreamParser(catalogue())
    engine.add_source("run", "run", "run.log")
    engine.fold("run", parser.feed(log.path.read_bytes()), live=True, arrival=1e9, written=1e9)
    before = timeless(engine)
    engine.tick(1e9 + 1)
    assert differences(timeless(engine), before) == []
