"""The daemon's state directory: not ours, not writable, full of what is no file, and removed meanwhile."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys

import pytest

from runwatch.core.errors import EngineError
from runwatch.watcher.daemon import logs
from runwatch.watcher.daemon.lock import Lock, wait_until_free
from runwatch.watcher.persistence.store import Store
from runwatch.watcher.service import sockets

from ..alerts.slack_server import SlackServer
from ..cli.live import Log
from .live import WAIT, Daemon, Peer, Place, until

_DROP, _OVERRIDE = 24, 1
"""PR_CAPBSET_DROP and CAP_DAC_OVERRIDE: what makes root write where permissions forbid it."""


def bound() -> None:
    """Let permissions bind the process that is about to be started, also where it is root's."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(_DROP, _OVERRIDE, 0, 0, 0)


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path / "lm.log")
    log.steps(300)
    return log


def test_a_directory_that_others_can_write_to_is_refused_and_left_as_it_was(tmp_path, log):
    place = Place(tmp_path)
    place.state.mkdir()
    place.state.chmod(0o1777)
    done = place.run("watch", "-d", log.path)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        f"runwatch: cannot use the state directory: {place.state}: others can write to it (chmod go-w it):"
        " set RUNWATCH_STATE to another\n"
    )
    assert place.state.stat().st_mode & 0o7777 == 0o1777
    assert list(place.state.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs prctl")
def test_a_directory_that_cannot_be_written_is_one_line_and_tail_does_without(tmp_path, log):
    place = Place(tmp_path)
    place.state.mkdir()
    place.state.chmod(0o500)
    (tmp_path / "runwatch.toml").write_text("[slack]\nwebhook = 'http://127.0.0.1:1/services/T/B/x'\n")
    done = place.run("watch", "-d", log.path, preexec_fn=bound)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        f"runwatch: cannot use the state directory: {place.state}: Permission denied:"
        " set RUNWATCH_STATE to another\n"
    )
    done = place.run("tail", "--headless", "-", input=log.path.read_text(), preexec_fn=bound)
    assert "step 299" in done.stdout
    assert "alerts are kept in memory only" in done.stderr


def test_a_directory_that_cannot_be_entered_is_not_taken_for_an_empty_one(tmp_path):
    (tmp_path / "state").touch()
    place = Place(tmp_path)
    for command in (["status"], ["notify", "dead"]):
        done = place.run(*command)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith(f"runwatch: cannot use the state directory: {place.state}: Not a dir")
        assert len(done.stderr.splitlines()) == 1


def test_what_is_no_file_is_told_and_not_waited_for(tmp_path):
    """A FIFO would be waited for when it is opened, for ever."""
    for name in ("daemon.lock", "daemon.log", "daemon.sock", "state.db"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(EngineError, match=r"daemon\.lock is not a regular file"):
        Lock(tmp_path)
    with pytest.raises(OSError, match=r"daemon\.log is not a regular file"):
        logs.to_file(tmp_path / "daemon.log")
    with pytest.raises(EngineError, match=r"in the way of the daemon's socket: .*daemon\.sock: move it away"):
        sockets.listen(tmp_path)
    assert wait_until_free(tmp_path, 1.0)
    said: list[str] = []
    store = Store(tmp_path, said.append)
    assert not store.commit()
    store.close()
    assert len(said) == 1
    assert "state.db is not a regular file" in said[0]


@pytest.mark.deep
def test_an_undelivered_alert_outlives_a_removed_state_directory(tmp_path, log):
    """Robbed of everything, then killed: the next daemon still delivers what the first could not."""
    with SlackServer(*["500"] * 200) as slack:
        (tmp_path / "runwatch.toml").write_text(f"[slack]\nwebhook = '{slack.url}'\n")
        with Daemon(tmp_path, log.path, environ={"no_proxy": "*"}) as daemon:
            with Peer(daemon.socket) as peer:
                until(lambda: peer.step("lm") == 299)
                log.steps(2, loss="nan")
                slack.wait(posts=1)
                shutil.rmtree(daemon.state)
                until(lambda: daemon.answers() and (daemon.state / "outbox").exists())
                until((daemon.state / "state.db").exists)
                notices = peer.ask("health")["notices"]
                assert sum("the outbox was removed while it was in use" in text for text in notices) == 1
            assert slack.shown == []
            daemon.signal(signal.SIGKILL)
            daemon.ended()
        slack.script.clear()
        with Daemon(tmp_path, log.path, environ={"no_proxy": "*"}):
            slack.wait(shown=1, seconds=30.0)
            assert "loss is NaN" in slack.titles()[0]


@pytest.mark.deep
def test_where_it_cannot_be_made_again_all_goes_on_in_memory_until_it_can(tmp_path, log):
    """The place of the directory is taken by a file; an alert is delivered all the same."""
    with SlackServer() as slack:
        (tmp_path / "runwatch.toml").write_text(f"[slack]\nwebhook = '{slack.url}'\n")
        with Daemon(tmp_path, log.path, environ={"no_proxy": "*"}) as daemon, Peer(daemon.socket) as peer:
            until(lambda: peer.step("lm") == 299)
            shutil.rmtree(daemon.state)
            daemon.state.touch()
            until(lambda: any("alerts are kept in memory only" in t for t in peer.ask("health")["notices"]))
            log.steps(2, loss="nan")
            slack.wait(shown=1)
            until(lambda: any("the state is kept in memory only" in t for t in peer.ask("health")["notices"]))
            daemon.state.unlink()
            until(daemon.answers)
            until(lambda: any("alerts are kept on disk again" in t for t in peer.ask("health")["notices"]))
            until(lambda: any("the state is kept on disk again" in t for t in peer.ask("health")["notices"]))
            assert not any("in memory only" in text for text in peer.ask("health")["notices"])


@pytest.mark.deep
def test_a_daemon_whose_place_was_taken_ends_and_leaves_the_alerts_to_the_other(tmp_path, log):
    with SlackServer() as slack:
        (tmp_path / "runwatch.toml").write_text(f"[slack]\nwebhook = '{slack.url}'\n")
        first = Daemon(tmp_path, log.path, environ={"no_proxy": "*"})
        with first, Peer(first.socket) as peer:
            until(lambda: peer.step("lm") == 299)
            first.signal(signal.SIGSTOP)  # it cannot take back its place at once
            shutil.rmtree(first.state)
            with (
                Daemon(tmp_path, log.path, environ={"no_proxy": "*"}) as second,
                Peer(second.socket) as other,
            ):
                until(lambda: other.step("lm") == 299)
                log.steps(2, loss="nan")
                slack.wait(shown=1)
                first.signal(signal.SIGCONT)
                code, said = first.ended()
                assert code == 0
                assert "another daemon has taken this state directory" in said
                assert second.answers()
                assert other.ask("health")["pid"] == second.process.pid
            assert len(slack.shown) == 1


def test_the_log_of_a_detached_daemon_comes_back(tmp_path):
    path = tmp_path / "state" / logs.NAME
    path.parent.mkdir()
    before = logs._LOGGER.handlers[:]
    logs.to_file(path)
    try:
        logs.report("start", "one")
        shutil.rmtree(path.parent)
        logs.report("start", "two")
        assert "two" in path.read_text()
        assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
        shutil.rmtree(path.parent)
        path.parent.touch()
        logs.report("start", "lost")
        path.parent.unlink()
        logs.report("start", "three")
        assert "three" in path.read_text()
    finally:
        for handler in logs._LOGGER.handlers[:]:
            logs._LOGGER.removeHandler(handler)
            handler.close()
        for handler in before:
            logs._LOGGER.addHandler(handler)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("os.kill(os.getpid(), 9)", "the daemon was killed by signal 9 before it was ready: out of memory"),
        ("os._exit(7)", "the daemon ended with exit code 7 before it was ready"),
        (
            "resource.setrlimit(resource.RLIMIT_AS, (1 << 20, 1 << 20)); bytearray(1 << 26)",
            "out of memory: raise the limit",
        ),
        ("raise ValueError('x')", "ValueError: x"),
        ("time.sleep(60)", "the daemon was not ready after 2 s and was ended"),
    ],
)
def test_how_a_daemon_ended_before_it_was_ready_is_told(end, said):
    script = f"""
import os, resource, sys, time
from runwatch.core.errors import RunwatchError
from runwatch.watcher.daemon.detach import detach
def start(ready):
    {end}
try:
    print(detach(start, 2.0))
except RunwatchError as error:
    sys.exit(str(error))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=WAIT, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1
