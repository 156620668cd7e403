"""A waker must notice every change soon, and must go on when events stop coming."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from runwatch.watcher.sources import inotify, wake
from runwatch.watcher.sources.inotify import Inotify
from runwatch.watcher.sources.observer import Watchdog
from runwatch.watcher.sources.wake import Waker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 120.0
NEVER = 3600.0


@pytest.fixture(autouse=True)
def events_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wake, "events_reliable", lambda fstype: True)


@pytest.fixture(autouse=True, params=[Inotify, Watchdog])
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type:
    """Each test holds for either source of events."""
    monkeypatch.setattr(wake, "_open_watches", request.param)
    return request.param


@pytest.fixture
def wakers() -> Iterator[list[Waker]]:
    made: list[Waker] = []
    yield made
    for waker in made:
        waker.close()


def armed(wakers: list[Waker], *paths: Path, **options: object) -> Waker:
    """Return a waker past its first sweep: from here on only changes wake it."""
    waker = Waker([str(path) for path in paths], **{"sweep": NEVER, **options})
    wakers.append(waker)
    assert waker.wait(PATIENCE) == {str(path) for path in paths}
    return waker


def await_due(waker: Waker, path: Path) -> None:
    for _ in range(100):
        if str(path) in waker.wait(PATIENCE):
            return
    raise AssertionError(f"{path} never became due")


def append(path: Path, data: bytes = b"line\n") -> None:
    with path.open("ab") as file:
        file.write(data)


def test_append_wakes_by_event(tmp_path, wakers) -> None:
    log = tmp_path / "run.log"
    log.touch()
    waker = armed(wakers, log)
    assert not waker._plan.polled
    append(log)
    assert waker.wait(PATIENCE) == {str(log)}


def test_append_by_another_process_wakes(tmp_path, wakers) -> None:
    log = tmp_path / "run.log"
    waker = armed(wakers, log)
    subprocess.run([sys.executable, "-c", f"open({str(log)!r}, 'a').write('x')"], check=True)
    await_due(waker, log)


def test_creation_rename_and_deletion_wake(tmp_path, wakers) -> None:
    log = tmp_path / "run.log"
    waker = armed(wakers, log)
    append(log)
    await_due(waker, log)
    (tmp_path / "new").write_bytes(b"other")
    (tmp_path / "new").replace(log)
    await_due(waker, log)
    log.unlink()
    await_due(waker, log)


def test_write_to_the_rotated_file_wakes_for_the_log(tmp_path, wakers) -> None:
    log = tmp_path / "run.log"
    with log.open("ab", buffering=0) as held:
        log.rename(tmp_path / "run.log.1")
        waker = armed(wakers, log)
        held.write(b"late\n")
        await_due(waker, log)


def test_other_files_in_the_directory_do_not_wake(tmp_path, wakers) -> None:
    log, other = tmp_path / "run.log", tmp_path / "checkpoint.pt"
    log.touch()
    waker = armed(wakers, log)
    append(other)
    append(log)
    assert waker.wait(PATIENCE) == {str(log)}


def test_reading_a_log_does_not_wake_its_own_reader(tmp_path, wakers) -> None:
    log, fence = tmp_path / "a.log", tmp_path / "b.log"
    log.write_bytes(b"text")
    waker = armed(wakers, log, fence)
    assert log.read_bytes() == b"text"
    append(fence)
    assert waker.wait(PATIENCE) == {str(fence)}


def test_many_events_are_one_wake_up(tmp_path, wakers) -> None:
    log = tmp_path / "run.log"
    waker = armed(wakers, log)
    for _ in range(50):
        waker._wake({str(log)})
    assert waker.wait(PATIENCE) == {str(log)}
    assert not waker.wait(0)


def test_files_of_one_directory_share_one_watch(tmp_path, wakers) -> None:
    logs = [tmp_path / f"rank{rank}.log" for rank in range(64)]
    before = threading.active_count()
    waker = armed(wakers, *logs)
    assert threading.active_count() - before <= 5
    append(logs[7])
    assert waker.wait(PATIENCE) == {str(logs[7])}


def test_writes_that_nobody_waited_for_are_one_look(tmp_path, wakers) -> None:
    log = tmp_path / "run.log"
    log.touch()
    waker = armed(wakers, log)
    for _ in range(50):
        append(log)
    assert waker.wait(PATIENCE) == {str(log)}


def test_many_directories_need_one_descriptor_and_no_thread(tmp_path, wakers, source) -> None:
    if source is Watchdog:
        pytest.skip("it has a thread for each")
    logs = [tmp_path / f"exp{run}" / "train.log" for run in range(100)]
    for log in logs:
        log.parent.mkdir()
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    waker = armed(wakers, *logs)
    assert threading.active_count() - threads == 1
    assert len(os.listdir("/proc/self/fd")) - descriptors == 3
    append(logs[70])
    assert waker.wait(PATIENCE) == {str(logs[70])}


def test_lost_events_make_everything_due(tmp_path, wakers, source, monkeypatch) -> None:
    if source is Watchdog:
        pytest.skip("it does not tell")
    log = tmp_path / "run.log"
    waker = armed(wakers, log)
    overflow = struct.pack("iIII", -1, 0x4000, 0, 0)
    monkeypatch.setattr(inotify.os, "read", lambda descriptor, most: overflow)
    found = waker._watches.events()
    monkeypatch.undo()
    assert found == {(str(tmp_path), "")}
    waker._on_event(*found.pop())
    assert waker.wait(PATIENCE) == {str(log)}


def test_write_through_a_symlink_wakes(tmp_path, wakers) -> None:
    (tmp_path / "runs").mkdir()
    real, link = tmp_path / "runs" / "7.log", tmp_path / "latest.log"
    real.touch()
    link.symlink_to(real)
    waker = armed(wakers, link)
    append(real)
    await_due(waker, link)


def test_symlinked_directory_is_watched_where_it_leads(tmp_path, wakers) -> None:
    (tmp_path / "run7").mkdir()
    (tmp_path / "latest").symlink_to("run7")
    waker = armed(wakers, tmp_path / "latest" / "run.log")
    append(tmp_path / "run7" / "run.log")
    await_due(waker, tmp_path / "latest" / "run.log")


def test_missing_parent_directory_is_found_when_it_appears(tmp_path, wakers) -> None:
    log = tmp_path / "later" / "run.log"
    waker = armed(wakers, log)
    assert not waker.note
    log.parent.mkdir()
    append(log)
    await_due(waker, log)


def test_parent_directory_removed_and_made_again_is_watched_again(tmp_path, wakers) -> None:
    log = tmp_path / "run" / "run.log"
    log.parent.mkdir()
    log.touch()
    waker = armed(wakers, log, sweep=0.2)
    for _ in range(3):
        shutil.rmtree(log.parent)
        await_due(waker, log)
        log.parent.mkdir()
        append(log)
        await_due(waker, log)
    for _ in range(200):
        if not waker._plan.polled:
            break
        waker.wait(0.1)
    assert not waker._plan.polled


def test_parent_directory_moved_away_and_made_again_is_watched_again(tmp_path, wakers) -> None:
    log = tmp_path / "run" / "run.log"
    log.parent.mkdir()
    waker = armed(wakers, log, sweep=0.05)
    log.parent.rename(tmp_path / "old")
    log.parent.mkdir()
    now = log.parent.stat()
    for _ in range(100):
        if waker._identities.get(str(log.parent)) == (now.st_dev, now.st_ino):
            break
        waker.wait(PATIENCE)
    else:
        raise AssertionError("still watching the directory that left")


def test_watch_that_died_is_set_again(tmp_path, wakers) -> None:
    log = tmp_path / "run.log"
    waker = armed(wakers, log, sweep=0.05)
    waker._watches.forget(str(tmp_path))
    for _ in range(100):
        if waker._watches.watched():
            break
        waker.wait(PATIENCE)
    else:
        raise AssertionError("still relying on a watch that died")


def test_sweep_makes_everything_due_without_any_event(tmp_path, wakers) -> None:
    log = tmp_path / "run.log"
    waker = armed(wakers, log, sweep=0.05)
    assert waker.wait(PATIENCE) == {str(log)}


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENOSPC])
def test_exhausted_inotify_falls_back_to_polling_and_says_so(
    tmp_path, wakers, monkeypatch, source, code
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, "inotify limit reached")

    if code == errno.EMFILE:
        monkeypatch.setattr(wake, "_open_watches", refuse)
    else:
        monkeypatch.setattr(source, "watch", refuse)
    log = tmp_path / "run.log"
    waker = armed(wakers, log)
    assert "inotify limit reached" in waker.note
    assert "polling" in waker.note
    append(log)
    await_due(waker, log)


def test_events_come_back_when_the_limit_is_lifted(tmp_path, wakers, monkeypatch) -> None:
    real, refusals = wake._open_watches, iter([OSError(errno.EMFILE, "too many"), None])

    def start() -> object:
        if refusal := next(refusals):
            raise refusal
        return real()

    monkeypatch.setattr(wake, "_open_watches", start)
    waker = armed(wakers, tmp_path / "run.log", sweep=0.05)
    for _ in range(100):
        if not waker.note:
            break
        waker.wait(PATIENCE)
    assert not waker.note


def test_polling_alone_notices_and_imports_no_watchdog(tmp_path) -> None:
    code = f"""
import sys
from runwatch.watcher.sources.wake import Waker
log = {str(tmp_path / "run.log")!r}
waker = Waker([log], poll=True, sweep=3600)
waker.wait(20)
for _ in range(3):
    with open(log, "a") as file:
        file.write("x")
    assert waker.wait(20) == {{log}}
waker.close()
assert "watchdog" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)


def test_unreliable_mount_is_polled_besides(tmp_path, wakers, monkeypatch) -> None:
    monkeypatch.setattr(wake, "events_reliable", lambda fstype: False)
    log = tmp_path / "run.log"
    waker = armed(wakers, log)
    assert waker._plan.polled == {str(log)}
    monkeypatch.setattr(waker, "_on_event", lambda directory, name: None)
    append(log)
    await_due(waker, log)


def test_polling_does_not_open_a_pipe(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    opened: list[str] = []
    real = os.open
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", lambda path, *rest: opened.append(path) or real(path, *rest))
        assert wake._signature(str(tmp_path / "pipe"))
    assert opened == []


def test_path_added_later_wakes_and_removed_path_does_not(tmp_path, wakers) -> None:
    first, second = tmp_path / "a.log", tmp_path / "b.log"
    waker = armed(wakers, first)
    waker.add(str(second))
    await_due(waker, second)
    waker.remove(str(first))
    append(first)
    append(second)
    assert waker.wait(PATIENCE) == {str(second)}


def test_close_ends_every_thread_and_descriptor(tmp_path) -> None:
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        waker = Waker([str(tmp_path / "run.log")])
        waker.wait(PATIENCE)
        waker.close()
        waker.close()
    Waker([str(tmp_path / "run.log")]).close()
    assert threading.active_count() <= threads
    assert len(os.listdir("/proc/self/fd")) <= descriptors, "others may have gone meanwhile"


def test_forgotten_waker_does_not_hold_up_the_exit(tmp_path) -> None:
    code = (
        f"from runwatch.watcher.sources.wake import Waker; w = Waker([{str(tmp_path / 'a')!r}]); w.wait(20)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_it_is_known_until_when_writes_made_their_path_due(tmp_path, wakers, monkeypatch) -> None:
    looking, go_on = threading.Event(), threading.Event()

    class Slow(Waker):
        def _changed(self, polled: set[str]) -> set[str]:
            looking.set()
            go_on.wait(PATIENCE)
            return super()._changed(polled)

    log = tmp_path / "run.log"
    log.write_bytes(b"")
    waker = Slow([str(log)], poll=True)
    wakers.append(waker)
    assert looking.wait(PATIENCE)
    begun = time.time()
    for _ in range(3):
        waker.wait(0.05)
    assert waker.until <= begun, "its look at what is polled has not returned"
    monkeypatch.setattr(wake, "_STUCK", -wake.SWEEP)
    waker.wait(0.05)
    assert waker.until > begun, "it is stuck, and not waited for"
    monkeypatch.undo()
    go_on.set()
    before = time.time()
    for _ in range(100):
        waker.wait(0.05)
        if waker.until > before:
            break
    assert before < waker.until <= time.time()


def test_with_events_all_is_known_until_they_were_taken(tmp_path, wakers) -> None:
    log = tmp_path / "run.log"
    waker = armed(wakers, log)
    before = time.time()
    waker.wait(0.01)
    assert before <= waker.until <= time.time()
