"""The life of a real daemon: started, reloaded, robbed of its socket, killed, and ended."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys

import psutil
import pytest

from ..alerts.slack_server import SlackServer
from ..cli.live import Log
from .live import WAIT, Daemon, Peer, Place, until


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path / "lm.log")
    log.steps(10)
    return log


@pytest.fixture
def place(tmp_path):
    """A place whose detached daemon is ended."""
    place = Place(tmp_path)
    yield place
    place.run("stop")


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def pid_of(place: Place) -> int:
    with Peer(place.socket) as peer:
        return int(peer.hello["pid"])


def test_detaches(place, log):
    done = place.run("watch", "-d", "lm.log")  # the pipes end: nothing of ours is held open
    assert done.returncode == 0
    assert "no channel is configured: alerts are only shown on screen" in done.stderr
    with Peer(place.socket) as peer:
        process = psutil.Process(peer.hello["pid"])
        assert f"process {process.pid} is watching 1 path" in done.stderr
        assert process.cwd() == "/"
        assert os.getsid(process.pid) != os.getsid(0)
        assert process.terminal() is None
        assert {os.readlink(f"/proc/{process.pid}/fd/{n}") for n in range(3)} == {"/dev/null"}
        until(lambda: peer.step("lm") == 9)
    assert "kind=source" in (place.state / "daemon.log").read_text()
    assert place.run("stop").returncode == 0
    until(lambda: gone(process))
    assert not place.socket.exists()


def test_what_goes_wrong_when_detached_is_told_here(place, log):
    (place.path / "runwatch.toml").write_text("[tial]\n")
    done = place.run("watch", "-d", "lm.log")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown name 'tial'" in done.stderr
    assert "did you mean 'tail'?" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_nothing_to_watch(place):
    done = place.run("watch")
    assert done.returncode == 3
    assert "nothing to watch" in done.stderr
    assert done.stderr.endswith("into a configuration: runwatch init\n")
    (place.path / "runwatch.toml").write_text("[watch]\n")
    assert f"under [watch] in {place.path / 'runwatch.toml'}" in place.run("watch").stderr


@pytest.mark.deep
def test_a_second_daemon_is_refused_but_a_killed_one_leaves_nothing_in_the_way(place, log):
    place.run("watch", "-d", "lm.log")
    first = psutil.Process(pid_of(place))
    done = place.run("watch", "lm.log")
    assert done.returncode == 3
    assert f"a daemon is running already: process {first.pid} on {socket.gethostname()}" in done.stderr
    family = first.children(recursive=True)
    first.kill()
    first.wait(WAIT)
    assert psutil.wait_procs(family, WAIT)[1] == []
    assert place.socket.exists()
    done = place.run("status")
    assert "no daemon is running" in done.stderr
    assert "start one with: runwatch watch -d PATH" in done.stderr
    assert place.run("watch", "-d", "lm.log").returncode == 0
    assert pid_of(place) != first.pid


@pytest.mark.deep
def test_a_removed_socket_or_state_directory_comes_back_and_clients_stay(tmp_path, log):
    with Daemon(tmp_path, log.path) as daemon, Peer(daemon.socket) as peer:
        daemon.socket.unlink()
        until(daemon.answers)
        assert peer.ask("health")["clients"] >= 1
        shutil.rmtree(daemon.state)
        until(daemon.answers)
        assert peer.ask("health")["clients"] >= 1
        assert "a daemon is running already" in daemon.run("watch", log.path).stderr


def test_ctrl_c_twice_ends_it_at_once(tmp_path, log):
    with SlackServer("hang") as slack:  # what is to be delivered takes long
        config = tmp_path / "runwatch.toml"
        config.write_text(f'[slack]\nwebhook = "{slack.url}"\n')
        with Daemon(tmp_path, log.path, "--config", config) as daemon, Peer(daemon.socket) as peer:
            until(lambda: peer.step("lm") == 9)
            log.steps(3, loss="nan")
            slack.wait(posts=1)
            family = psutil.Process(daemon.process.pid).children(recursive=True)
            daemon.signal(signal.SIGINT)
            assert daemon.process.stderr is not None
            until(lambda: "press ctrl-c again" in daemon.process.stderr.readline())
            daemon.signal(signal.SIGINT)
            assert daemon.ended()[0] == 130
            assert psutil.wait_procs(family, WAIT)[1] == []


def test_reload_takes_a_good_file_and_refuses_a_bad_one(tmp_path, log):
    config = tmp_path / "runwatch.toml"
    config.write_text(f'[watch]\npaths = ["{log.path.name}"]\n')
    other = Log(tmp_path / "other.log")
    other.steps(5)
    with Daemon(tmp_path) as daemon, Peer(daemon.socket) as peer:
        until(lambda: peer.step("lm") == 9)
        config.write_text('[watch]\npaths = ["other.log"]\n[rules.hang]\nfamilar = 3\n')
        done = daemon.run("reload")
        assert done.returncode == 2
        assert "familar" in done.stderr
        assert set(peer.runs()) == {"lm"}
        config.write_text('[watch]\npaths = ["other.log"]\n[rules.hang]\nfamiliar = 3\n')
        done = daemon.run("reload")
        assert (done.returncode, done.stderr) == (0, "")
        until(lambda: set(peer.runs()) == {"other"})
        config.write_text("[")
        daemon.signal(signal.SIGHUP)
        until(lambda: any("not valid TOML" in text for text in peer.ask("health")["notices"]))
        config.write_text('[watch]\npaths = ["*.log"]\nexclude = ["o*.log"]\n')
        daemon.signal(signal.SIGHUP)
        until(lambda: set(peer.runs()) == {"lm"} and peer.step("lm") == 9)
        # What is read goes on where it was.
        config.write_text(config.read_text() + "[tail]\npoll = true\ninterval = 0.1\n")
        assert daemon.run("reload").returncode == 0
        log.steps(5)
        until(lambda: peer.step("lm") == 14)
        (part,) = peer.replies("runs", documents=True)
        assert part["documents"][0]["steps"]["records"] == 15


@pytest.mark.deep
def test_what_a_rule_raised_ends_when_it_is_switched_off(tmp_path, log):
    config = tmp_path / "runwatch.toml"
    config.write_text('[watch]\npaths = ["."]\n')
    off = "[rules.nonfinite]\nenabled = false\n"
    with Daemon(tmp_path) as daemon, Peer(daemon.socket) as peer:
        until(lambda: peer.step("lm") == 9)
        log.steps(3, loss="nan")
        log.steps(3)
        until(lambda: "nonfinite" in daemon.run("alerts").stdout)
        config.write_text(config.read_text() + off)
        assert daemon.run("reload").returncode == 0
        assert "nonfinite" not in daemon.run("alerts").stdout
        config.write_text(config.read_text().replace(off, ""))
        assert daemon.run("reload").returncode == 0
        log.steps(3, loss="nan")
        until(lambda: "nonfinite" in daemon.run("alerts").stdout)
    config.write_text(config.read_text() + off)
    with Daemon(tmp_path) as daemon, Peer(daemon.socket) as peer:
        until(lambda: peer.step("lm") is not None)
        assert "nonfinite" not in daemon.run("alerts").stdout


def test_another_daemon_goes_on_where_one_was_killed(tmp_path, log):
    log.steps(3, loss="nan")
    with Daemon(tmp_path, log.path) as daemon, Peer(daemon.socket) as peer:
        until(lambda: peer.ask("incidents")["incidents"])
        log.steps(30)
        until(lambda: peer.step("lm") == 42)
        before = peer.ask("incidents", resolved=True)["incidents"]
    log.steps(30)  # while nobody watches
    with Daemon(tmp_path, log.path) as daemon, Peer(daemon.socket) as peer:
        until(lambda: peer.step("lm") == 72)
        (part,) = peer.replies("runs", documents=True)
        assert part["documents"][0]["steps"]["records"] == 73
        after = peer.ask("incidents", resolved=True)["incidents"]
        assert [row["id"] for row in after] == [row["id"] for row in before]
        assert peer.ask("health")["notices"] == []


def test_paths_are_added_and_dropped(tmp_path, log):
    other = Log(tmp_path / "more" / "other.log")
    other.path.parent.mkdir()
    other.steps(5)
    with Daemon(tmp_path, log.path) as daemon, Peer(daemon.socket) as peer:
        assert daemon.run("add", "mroe").stderr == "runwatch: no such file: mroe; waiting for it\n"
        assert daemon.run("drop", "mroe").returncode == 0
        done = daemon.run("add", "more")
        assert ("watching 1 more" in done.stdout, done.stderr) == (True, "")
        until(lambda: peer.step("other") == 4)
        assert daemon.run("drop", "more").returncode == 0
        until(lambda: set(peer.runs()) == {"lm"})
        other.steps(5)
        assert "watching 1 more" in daemon.run("add", "more").stdout
        # The newest log is read first, and a reader that is replaced early may have read no other until now.
        until(lambda: (peer.step("other"), peer.step("lm")) == (9, 9))
        (part,) = peer.replies("runs", documents=True)
        records = {run["name"]: run["steps"]["records"] for run in part["documents"]}
        assert records == {"lm": 10, "other": 10}


def test_runs_appear_where_nothing_was_and_sigterm_ends_it_in_order(tmp_path):
    with Daemon(tmp_path, tmp_path / "later") as daemon, Peer(daemon.socket) as peer:
        assert peer.runs() == {}
        (tmp_path / "later").mkdir()
        Log(tmp_path / "later" / "new.log").steps(7)
        until(lambda: peer.step("new") == 6)
        daemon.signal(signal.SIGTERM)
        code, said = daemon.ended()
        assert code == 0
        assert "text=SIGTERM" in said
        assert not daemon.socket.exists()
        with pytest.raises(ConnectionResetError):
            peer.next()


def test_systemd_is_told(tmp_path, log):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(WAIT)
        manager.bind(str(tmp_path / "notify"))
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"}

        def reported(word: str) -> str:
            while not (text := manager.recv(4096).decode()).startswith(word):
                pass
            return text

        with Daemon(tmp_path, log.path, environ=environ) as daemon:
            assert f"MAINPID={daemon.process.pid}" in reported("READY=1")
            reported("WATCHDOG=1")
            daemon.signal(signal.SIGHUP)
            assert "MONOTONIC_USEC=" in reported("RELOADING=1")
            reported("READY=1")
            # A loop that does not turn gives no sign of life.
            daemon.signal(signal.SIGSTOP)
            manager.settimeout(2.5)
            with pytest.raises(TimeoutError):
                reported("a word")
            manager.settimeout(WAIT)
            daemon.signal(signal.SIGCONT)
            reported("WATCHDOG=1")
            daemon.signal(signal.SIGTERM)
            reported("STOPPING=1")
            assert daemon.ended()[0] == 0


def test_journald_keeps_time_itself(tmp_path, log):
    reading, writing = os.pipe()
    found = os.fstat(writing)
    code = (
        "import os, sys; os.dup2(int(sys.argv[1]), 2);"
        f"os.environ['JOURNAL_STREAM'] = '{found.st_dev}:{found.st_ino}';"
        "from runwatch.watcher.daemon import logs; logs.to_stderr(); logs.report('notice', 'a\\nb', path='/x y')"
    )
    import subprocess

    subprocess.run([sys.executable, "-c", code, str(writing)], pass_fds=[writing], check=True)
    os.close(writing)
    with open(reading) as pipe:
        assert pipe.read() == '<4>kind=notice text=ab path="/x y"\n'


@pytest.mark.deep
def test_the_screen_is_never_imported(tmp_path, log):
    """Not at the start and not later: a stand-in in its place would leave a trace."""
    for name in ("textual", "rich"):
        (tmp_path / "stand-in" / name).mkdir(parents=True)
        trace = f"open({str(tmp_path / 'trace')!r}, 'w').close()"
        (tmp_path / "stand-in" / name / "__init__.py").write_text(trace)
    path = os.pathsep.join([str(tmp_path / "stand-in"), *sys.path])
    with Daemon(tmp_path, log.path, environ={"PYTHONPATH": path}) as daemon, Peer(daemon.socket) as peer:
        until(lambda: peer.step("lm") == 9)
        log.steps(3, loss="nan")
        until(lambda: peer.ask("incidents")["incidents"])
        peer.ask("segment")
        daemon.run("reload")
        assert not (tmp_path / "trace").exists()
