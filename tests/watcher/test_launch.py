"""Starting an engine process."""

from __future__ import annotations

from contextlib import closing

from runwatch.watcher.service.launch import PrivateEngine, greet


def test_hundreds_of_long_paths_reach_the_engine_and_its_reader(tmp_path):
    """More than one argument may hold (128 KiB), and more than a pipe does (64 KiB)."""
    paths = [str(tmp_path / f"{0:0250d}")] * 600  # the same one, so that it costs nothing to look for them
    assert sum(map(len, paths)) > 1 << 17
    with closing(PrivateEngine(paths, wait=True)) as engine:
        greet(engine.socket)  # sent once the reader is at work
